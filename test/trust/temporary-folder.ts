import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/** Makes folders that are gone after each test. */
export function temporaryFolders (): () => Promise<string> {
  const made: string[] = []
  afterEach(async () => { await Promise.all(made.splice(0).map(async folder => { await rm(folder, { recursive: true, force: true }) })) })
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'caf-trust-'))
    made.push(folder)
    return folder
  }
}
