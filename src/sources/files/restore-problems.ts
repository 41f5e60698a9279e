import { constants } from 'node:fs'
import type { Stats } from 'node:fs'
import { access, lstat, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isBackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { FileEntry, Problem, RestoreItem } from '../source.ts'
import type { Selection } from './selection.ts'
import { inodeOf, isFolder } from './staging-area.ts'
import type { StagingArea } from './staging-area.ts'

export interface ProblemContext extends AbortOptions {
  /** Of the restorer. */
  readonly name: string
  readonly replace: 'refuse' | 'swap'
  readonly selection: Selection | undefined
}

const MAX_NAME_BYTES = 255 - Buffer.byteLength('__restoring.json.new')
const MAX_SHOWN = 10

/** What speaks against a restore into the area's target. Changes nothing. */
export async function findProblems (items: readonly RestoreItem[], area: StagingArea, context: ProblemContext): Promise<readonly Problem[]> {
  const wrong = wrongItems(items, context.name)
  if (wrong.length > 0) return wrong
  const [item] = items
  const problem = await problemOfPlace(area) ?? await problemBeside(area) ?? await problemOfTarget(area, context)
  if (problem !== undefined) return [problem]
  return item === undefined || context.selection === undefined ? [] : await problemsOfEntries(item, area, context.selection, context)
}

/** A folder takes one tree. */
export function wrongItems (items: readonly RestoreItem[], name: string): readonly Problem[] {
  return items.filter(({ id, kind }, index) => index > 0 || kind !== 'files' || id !== `${name}/tree`)
    .map(({ id }) => ({ code: 'INVALID_OPTION', message: `${id} is not the folder tree ${name}/tree, so it cannot be restored into a folder`, data: { id } }))
}

async function problemOfPlace ({ target, parent }: StagingArea): Promise<Problem | undefined> {
  const data = { folder: target }
  if (basename(target) === '') return { code: 'INVALID_OPTION', message: 'the root of the file system cannot be restored into', data }
  if (Buffer.byteLength(basename(target)) > MAX_NAME_BYTES) {
    return { code: 'INVALID_OPTION', message: `the name of ${target} is longer than ${MAX_NAME_BYTES} bytes, which leaves no room for the names beside it`, data }
  }
  if (!await isFolder(parent).catch(() => false)) return { code: 'INVALID_OPTION', message: `there is no folder ${parent} for ${basename(target)} to be restored into; make it`, data }
  return await problemOfWriting(parent)
}

/** What stands in the places that are needed beside the target and is no leftover of ours. */
async function problemBeside (area: StagingArea): Promise<Problem | undefined> {
  try {
    const marker = await area.marker()
    if (marker?.stage === 'committing' || marker?.stage === 'committed') return taken(area.target, 'is the target of a restore that was cut off; finish that first')
    if (marker === undefined && await inodeOf(area.staged) !== null) return taken(area.staged, 'is there and not from a restore; move it away')
    return await inodeOf(area.replaced) === null ? undefined : taken(area.replaced, 'is there, but a restore needs that name; move it away')
  } catch (error) {
    if (isBackupError(error, 'TARGET_EXISTS')) return { code: 'TARGET_EXISTS', message: error.message, data: { folder: area.target } }
    throw error
  }
}

async function problemOfTarget ({ target, parent }: StagingArea, { replace, selection }: ProblemContext): Promise<Problem | undefined> {
  const stats = await statsOf(target)
  if (stats === undefined) return undefined
  if (stats.isSymbolicLink()) {
    const real = await realpath(target).catch(() => 'that it points to')
    return { code: 'INVALID_OPTION', message: `${target} is a symlink, and a restore would replace the link; give the folder ${real}`, data: { folder: target } }
  }
  if (!stats.isDirectory()) return taken(target, 'is there and is no folder; move it away')
  if (stats.dev !== (await lstat(parent)).dev) {
    return { code: 'SOURCE_UNSUPPORTED', message: `${target} is the root of another file system than ${parent}, so it cannot be replaced by a rename; restore into a folder inside of it`, data: { folder: target } }
  }
  return replace === 'refuse' && selection === undefined ? taken(target, 'is there; give another folder, or let it be replaced') : undefined
}

async function problemsOfEntries (item: RestoreItem, { target }: StagingArea, selection: Selection, { replace, signal }: ProblemContext): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  try {
    for await (const entry of selection.entries(item, { signal })) {
      const problem = await problemOfEntry(entry, join(target, entry.path), replace)
      if (problem !== undefined) problems.push(problem)
      if (problems.length === MAX_SHOWN) break
    }
  } catch (error) {
    if (!isBackupError(error, 'SELECTION_EMPTY')) throw error
    problems.push({ code: 'INVALID_OPTION', message: error.message, data: { folder: target } })
  }
  return problems
}

async function problemOfEntry ({ type }: FileEntry, place: string, replace: 'refuse' | 'swap'): Promise<Problem | undefined> {
  const present = await statsOf(place)
  if (present === undefined) return undefined
  if (type === 'directory') return present.isDirectory() ? await problemOfWriting(place) : taken(place, 'is no folder, but the restored files belong into one; move it away')
  if (present.isDirectory()) return taken(place, 'is a folder, but would be replaced by something else; move it away')
  return replace === 'refuse' ? taken(place, 'is there; let it be replaced, or move it away') : undefined
}

async function problemOfWriting (folder: string): Promise<Problem | undefined> {
  try {
    await access(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return { code: 'SOURCE_DENIED', message: `cannot write into ${folder} (${systemCode(error) ?? 'unknown error'}); give this user the right to`, data: { folder } }
  }
}

function taken (path: string, why: string): Problem {
  return { code: 'TARGET_EXISTS', message: `${path} ${why}`, data: { path } }
}

/** What is at `path` itself; undefined also when there is no folder to hold it. */
async function statsOf (path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
}
