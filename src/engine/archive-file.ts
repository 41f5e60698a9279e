import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { free } from '../cas/zstd.ts'

const MODE = 0o600

/**
 * A stream into a new file, which is durable when it has finished. What is written must be memory that nobody else needs: it is given back, for the
 * collector would let an archive's worth of it lie. `EEXIST` when there is such a file.
 */
export function archiveFile (path: string): Writable {
  let file: FileHandle | undefined
  const after = (act: Promise<unknown>, done: (error?: Error | null) => void): void => { act.then(() => { done() }, done) }
  return new Writable({
    construct: done => { after(open(path, 'wx', MODE).then(opened => { file = opened }), done) },
    write: (bytes: Uint8Array, _encoding, done) => { after(file!.appendFile(bytes).then(() => { free(bytes) }), done) },
    final: done => { after(file!.sync(), done) },
    destroy: (error, done) => { after(file?.close() ?? Promise.resolve(), closing => { done(error ?? closing ?? null) }) },
  })
}
