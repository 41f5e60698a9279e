import { Readable } from 'node:stream'
import { pack } from 'tar-stream'

/** Files, a long name, a link, and a tar in the tar. */
export async function sampleTar (): Promise<Buffer> {
  const inner = await tarOf([['segment.json', '{"a":1}'], ['empty', '']])
  return await tarOf([['config.json', '{"version":1}'], [`${'long/'.repeat(40)}name`, 'x'.repeat(700)], ['0/segments/1.tar', inner]])
}

async function tarOf (files: ReadonlyArray<readonly [name: string, content: string | Buffer]>): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of files) tar.entry({ name, mtime: new Date(1_700_000_000_000) }, content)
  tar.entry({ name: 'link', type: 'symlink', linkname: 'config.json' })
  tar.finalize()
  return Buffer.concat(await Array.fromAsync(Readable.from(tar) as AsyncIterable<Buffer>))
}
