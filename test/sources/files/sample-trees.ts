import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RestoreItem } from '../../../src/sources/source.ts'
import { entry, itemOf } from './sample-item.ts'

/** The tree that is restored. */
export function newTree (): RestoreItem {
  return itemOf(() => [
    entry('a', { type: 'directory', mode: 0o750, mtimeNs: 1_000_000_000n }), entry('a.txt', { text: 'new' }), entry('a/one', { text: 'new one' }),
    entry('a/sub', { type: 'directory', mode: 0o700, mtimeNs: 2_000_000_000n }), entry('a/sub/file', { text: 'deep', mode: 0o600 }),
    entry('b', { type: 'symlink', target: 'a/one', mode: 0o777 }), entry('c', { type: 'hardlink', target: 'a.txt' }),
  ])
}

/** The tree that was there before, with other things under some of the same names. */
export function makeOldTree (folder: string): void {
  mkdirSync(join(folder, 'a'), { recursive: true })
  for (const path of ['a/one', 'a/mine', 'a.txt', 'z']) writeFileSync(join(folder, path), `old ${path}`)
  symlinkSync('z', join(folder, 'b'))
}
