import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'

/** A temporary folder that is gone at the end of the block. */
export async function temporaryFolder (): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'caf-files-'))
  return { path, [Symbol.asyncDispose]: async () => { await rm(path, { recursive: true, force: true }) } }
}

/** How many files this process has open. */
export async function openDescriptors (): Promise<number> {
  return (await readdir('/proc/self/fd')).length
}

/** A thing to be made in a folder, by its parts. */
export type Made =
  | { readonly type: 'file', readonly bytes: Uint8Array, readonly hole: number, readonly mode: number, readonly mtime: number }
  | { readonly type: 'folder', readonly inside: Readonly<Record<string, Made>>, readonly mode: number, readonly mtime: number }
  | { readonly type: 'symlink', readonly target: string, readonly mtime: number }
  | { readonly type: 'link' }

const AWKWARD = ['a', 'a.txt', 'a-b', 'a!', 'a0', 'a b', 'é', '\u{1F600}', '\u{FFFD}', 'line\nbreak', 'tab\there', 'back\\slash', '-rf', '.hidden', '..more', '~', 'A', '\u0001', 'a\u0301', '*', '$(x)', 'con', '%00', 'n'.repeat(200)]

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...AWKWARD) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter(text => text.isWellFormed() && !/[/\0]/.test(text) && text !== '.' && text !== '..') },
)
const mode = fc.integer({ min: 0, max: 0o7777 })
/** Seconds with microseconds, from before 1970 until after 2038. */
const mtime = fc.integer({ min: -1e15, max: 5e15 }).map(microseconds => microseconds / 1e6)

const file = fc.record({ type: fc.constant('file' as const), bytes: fc.uint8Array({ maxLength: 300 }), hole: fc.constantFrom(0, 0, 0, 1, 65_535, 65_536, 200_000), mode, mtime })
const symlink = fc.record({ type: fc.constant('symlink' as const), target: fc.constantFrom('a', '..', '/etc/passwd', 'nowhere', '../../x', 'é'), mtime })
const link = fc.constant({ type: 'link' as const })

/** Trees of up to four levels; a `link` is a hard link to some file made before, or nothing. */
export const folderTree: fc.Arbitrary<Readonly<Record<string, Made>>> = fc.letrec<{ inside: Record<string, Made>, thing: Made }>(tie => ({
  inside: fc.dictionary(name, tie('thing'), { maxKeys: 7, depthIdentifier: 'folder' }),
  thing: fc.oneof({ maxDepth: 4, depthIdentifier: 'folder' }, file, symlink, link,
    fc.record({ type: fc.constant('folder' as const), inside: tie('inside'), mode, mtime }) as fc.Arbitrary<Made>),
})).inside

/** Makes `tree` in the folder `root`, which is there and empty. */
export function makeTree (root: string, tree: Readonly<Record<string, Made>>, files: string[] = []): void {
  for (const [key, thing] of Object.entries(tree)) makeThing(join(root, key), thing, files)
}

function makeThing (path: string, thing: Made, files: string[]): void {
  if (thing.type === 'symlink') {
    symlinkSync(thing.target, path)
    lutimesSync(path, String(thing.mtime), String(thing.mtime))
  } else if (thing.type === 'link') {
    const [first] = files
    if (first !== undefined) linkSync(first, path)
  } else {
    if (thing.type === 'folder') {
      mkdirSync(path)
      makeTree(path, thing.inside, files)
    } else {
      writeFileSync(path, thing.bytes)
      truncateSync(path, thing.bytes.length + thing.hole)
      if (thing.hole > 1) writeFileSync(path, 'end', { flag: 'a' })
      files.push(path)
    }
    chmodSync(path, thing.mode)
    utimesSync(path, String(thing.mtime), String(thing.mtime))
  }
}
