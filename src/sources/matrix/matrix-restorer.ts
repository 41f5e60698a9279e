import { createHash } from 'node:crypto'
import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions, Bytes } from '../../stream.ts'
import type { ByteContent, Problem, RestoreItem, Restorer } from '../source.ts'
import { checkMatrixName, matrixNames } from './matrix-store.ts'
import type { MatrixStore } from './matrix-store.ts'
import { STAGED } from './staged-matrix.ts'

export interface MatrixRestorerOptions {
  /** The source's name. @default 'matrices' */
  readonly name?: string
  readonly store: MatrixStore
  /** Captured name → name in the store; others keep theirs. */
  readonly matrices?: Readonly<Record<string, string>> | undefined
  /** What happens to a matrix that exists. @default 'refuse' */
  readonly replace?: 'refuse' | 'swap' | undefined
}

/**
 * Brings matrices back into a store. They are written and read back as `<name>__restoring`; the commit writes each under
 * its name, in one step of the store, and removes the staged one.
 *
 * A restorer that has prepared something commits or aborts that. Another one, in a new process, takes all that is staged
 * in the store: so only one restore at a time can work on a store.
 */
export function matrixRestorer ({ name = 'matrices', store, matrices = {}, replace = 'refuse' }: MatrixRestorerOptions): Restorer {
  let prepared: string[] | undefined
  const targetOf = (item: RestoreItem): string => targetName(item, matrices)
  const staged = async (options: AbortOptions): Promise<readonly string[]> => prepared ?? await stagedTargets(store, options)
  return {
    name,
    async check (items, options = {}) {
      return [...repeated(items.map(targetOf)).map(matrix => problem('INVALID_OPTION', matrix, 'would be restored twice; give them different names')),
        ...await existing(store, items.map(targetOf), replace, options)]
    },
    async holds (item, options = {}) {
      return await matches(store, item, targetOf(item), options)
    },
    async prepare (items, { signal, onItem } = {}) {
      const taken = await stagedTargets(store, { signal })
      const pending = items.map(targetOf).find(matrix => taken.includes(matrix))
      if (pending !== undefined) throw new BackupError('RESTORE_PENDING', `matrix ${pending}${STAGED} is in ${store.location} already: a restore was not finished; resume or abort it`, { data: { matrix: pending } })
      prepared ??= []
      for (const item of items) {
        const target = targetOf(item)
        prepared.push(target)
        await writeStaged(store, item, target, { signal })
        onItem?.(item)
      }
    },
    async commit (options = {}) {
      for (const target of await staged(options)) await place(store, target, { replace, ...options })
      prepared = prepared && []
    },
    async abort (options = {}) {
      for (const target of await staged(options)) await store.delete(target + STAGED, options)
      prepared = prepared && []
    },
    async close () {},
  }
}

/** @throws {BackupError} `NODE_INVALID` */
function targetName ({ id, kind, attributes: { name } }: RestoreItem, renamed: Readonly<Record<string, string>>): string {
  if (kind !== 'matrix' || typeof name !== 'string') throw new BackupError('NODE_INVALID', `${id} does not describe a matrix`, { data: { id, kind } })
  return Object.hasOwn(renamed, name) ? renamed[name]! : name
}

async function stagedTargets (store: MatrixStore, options: AbortOptions): Promise<string[]> {
  return (await matrixNames(store, options)).filter(name => name.endsWith(STAGED)).map(name => name.slice(0, -STAGED.length))
}

async function existing (store: MatrixStore, targets: readonly string[], replace: 'refuse' | 'swap', options: AbortOptions): Promise<Problem[]> {
  const present = new Set(await matrixNames(store, options))
  return targets.flatMap(target => {
    try {
      checkMatrixName(target)
      checkMatrixName(target + STAGED)
    } catch (error) {
      if (isBackupError(error)) return [{ code: 'INVALID_OPTION' as const, message: error.message }]
      throw error
    }
    if (present.has(target + STAGED)) return [problem('TARGET_EXISTS', target, `is staged in ${store.location} already: a restore was not finished; resume or abort it`)]
    return present.has(target) && replace === 'refuse' ? [problem('TARGET_EXISTS', target, `exists in ${store.location} already; let it be replaced, or restore under another name`)] : []
  })
}

function problem (code: 'INVALID_OPTION' | 'TARGET_EXISTS', matrix: string, what: string): Problem {
  return { code, message: `matrix ${matrix} ${what}`, data: { matrix } }
}

function repeated (names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
}

async function matches (store: MatrixStore, item: RestoreItem, name: string, options: AbortOptions): Promise<boolean> {
  const bytes = await readIfThere(store, name, options)
  if (bytes === undefined) return false
  const content: ByteContent = { form: 'bytes', read: () => bytes }
  return await item.matches(content, options)
}

/** A store that is not there holds nothing. */
async function readIfThere (store: MatrixStore, name: string, options: AbortOptions): Promise<Bytes | undefined> {
  try {
    return await store.read(name, options)
  } catch (error) {
    if (isBackupError(error, 'SOURCE_MISSING')) return undefined
    throw error
  }
}

async function writeStaged (store: MatrixStore, item: RestoreItem, target: string, options: AbortOptions): Promise<void> {
  await store.write(target + STAGED, item.read(options), options)
  if (await matches(store, item, target + STAGED, options)) return
  throw new BackupError('TARGET_DIFFERS', `matrix ${target} came back from ${store.location} with other bytes`, { data: { matrix: target } })
}

/** Writing is one step of the store, so a commit that was cut off finds the old matrix, or the new one and its staged copy. */
async function place (store: MatrixStore, target: string, { replace, ...options }: AbortOptions & { readonly replace: 'refuse' | 'swap' }): Promise<void> {
  const staged = await store.read(target + STAGED, options)
  if (staged === undefined) return
  const present = await store.read(target, options)
  if (present !== undefined && replace === 'refuse' && !await equal(present, (await store.read(target + STAGED, options))!)) {
    throw new BackupError('TARGET_EXISTS', `matrix ${target} was created in ${store.location} while it was restored; let it be replaced, or abort and restore under another name`, { data: { matrix: target } })
  }
  await store.write(target, staged, options)
  await store.delete(target + STAGED, options)
}

async function equal (a: Bytes, b: Bytes): Promise<boolean> {
  return await digest(a) === await digest(b)
}

async function digest (bytes: Bytes): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}
