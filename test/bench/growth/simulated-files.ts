import { createHash } from 'node:crypto'
import type { FileEntry, Source } from '../../../src/sources/source.ts'

export interface SimulatedFiles {
  readonly files: number
  /** Of a thousand files one has other contents each day, and another state. */
  readonly day: number
}

/** In one folder of the tree. */
const FOLDER = 1_000

/** A folder tree that is nowhere on disk: small files of 200 bytes, each with contents of its own. */
export function simulatedFiles ({ files, day }: SimulatedFiles): Source {
  async function * entries (): AsyncGenerator<FileEntry> {
    for (let number = 0; number < files; number++) {
      const folder = `folder-${String(Math.floor(number / FOLDER)).padStart(6, '0')}`
      if (number % FOLDER === 0) yield { path: folder, type: 'directory', mode: 0o755, mtimeNs: 0n, uid: 0, gid: 0, sizeBytes: 0 }
      const changed = number % FOLDER === day % FOLDER ? day : 0
      const text = createHash('sha512').update(`${number} ${changed}`).digest('hex').padEnd(200, '.')
      yield {
        path: `${folder}/file-${String(number).padStart(9, '0')}.txt`, type: 'file', mode: 0o644, mtimeNs: BigInt(changed) * 1_000_000_000n, uid: 0, gid: 0,
        sizeBytes: text.length, state: `${changed}`, async * read () { yield Buffer.from(text) },
      }
    }
  }
  const now = new Date().toISOString()
  const content = { form: 'files', entries } as const
  return {
    name: 'files',
    async capture () {
      return {
        async * artifacts () { yield { id: 'files/tree/simulated', kind: 'files', deps: [], attributes: {}, content } },
        finish: async () => ({ begin: now, end: now, facts: {}, notes: [] }),
        close: async () => {},
      }
    },
  }
}
