import { collectGarbage, planGarbage } from '../../engine/garbage.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, Opened } from '../cli.ts'
import { counted } from '../printable.ts'

/** What a collection has done, as JSON and as a sentence. */
export interface Collected {
  readonly document: { readonly freedBytes: number, readonly removedBlobs: number, readonly packsDeleted: number, readonly durationMs: number }
  readonly text: string
}

export async function preview ({ output, signal }: Cli, { repository }: Opened): Promise<void> {
  const { packs, freedBytes, removedBlobs } = await planGarbage(repository, { signal })
  await output.result({ dryRun: true, freedBytes, removedBlobs, packs }, () => {
    output.line(`would free ${formatBytes(freedBytes)}: ${counted(removedBlobs, 'blob')}, ${counted(packs.length, 'pack')} deleted or rewritten; nothing was changed`)
  })
}

export async function collect (cli: Cli, opened: Opened): Promise<void> {
  const { document, text } = await freeSpace(cli, opened)
  await cli.output.result({ dryRun: false, ...document }, () => { cli.output.line(text) })
}

export async function freeSpace ({ signal, terminal }: Cli, { repository }: Opened): Promise<Collected> {
  const onWait = (sessions: number): void => { if (terminal.stderr.isTTY) terminal.stderr.write(`waiting for ${counted(sessions, 'session')} that began before\n`) }
  const { removed, freedBytes, packsDeleted, durationMs } = await collectGarbage(repository, { signal, onWait })
  return {
    document: { freedBytes, removedBlobs: removed.length, packsDeleted, durationMs },
    text: `freed ${formatBytes(freedBytes)}: ${counted(removed.length, 'blob')} removed, ${counted(packsDeleted, 'pack')} deleted`,
  }
}
