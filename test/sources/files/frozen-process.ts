import { AsyncLocalStorage } from 'node:async_hooks'
import calls, { readdirSync, rmSync } from 'node:fs'
import fs from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'

const OF_FOLDERS = ['open', 'mkdir', 'rename', 'rm', 'rmdir', 'link', 'symlink', 'lutimes', 'lchown', 'chmod', 'chown', 'lstat', 'readdir', 'readFile', 'readlink']
const OF_FILES = ['write', 'read', 'truncate', 'sync', 'chown', 'chmod', 'utimes', 'stat', 'close']
const AT_ONCE = ['openSync', 'writeSync', 'readSync', 'fstatSync', 'lstatSync', 'fchownSync', 'fchmodSync', 'futimesSync']

/** A run that stops for ever at one of its calls to the file system, like a process killed there: nothing after it happens, no `finally` either. */
interface Run {
  calls: number
  readonly deadly: number
  readonly handles: Set<FileHandle>
  /** What the system is still doing; a killed process is not gone before it ends. */
  readonly pending: Set<Promise<unknown>>
  readonly die: () => void
}

const RUN = new AsyncLocalStorage<Run>()
const FOR_EVER = new Promise<never>(() => {})

/** Watches the calls of every run; call once, before the first. Nothing is synced any more: a stopped process leaves the cache whole, and syncing takes long. */
export async function watchFileSystem (): Promise<void> {
  const handle = await fs.open('/dev/null')
  watch(Object.getPrototypeOf(handle) as object, OF_FILES)
  await handle.close()
  watch(fs, OF_FOLDERS)
  watchAtOnce(AT_ONCE)
  watchSync()
  syncBuiltinESMExports()
}

/** Does `act` until its `deadly`th call (0: to its end). Returns how many calls it made, or undefined when it was stopped. */
export async function runUntil (deadly: number, act: () => Promise<void>): Promise<number | undefined> {
  const { promise: death, resolve: die } = Promise.withResolvers<undefined>()
  const run: Run = { calls: 0, deadly, handles: new Set(), pending: new Set(), die: () => { die(undefined) } }
  try {
    return await Promise.race([death, RUN.run(run, async () => {
      await act()
      return run.calls
    })])
  } finally {
    await Promise.allSettled(run.pending)
    await Promise.all([...run.handles].map(async handle => { await handle.close().catch(() => undefined) })) // as the system would
  }
}

function watch (owner: object, names: readonly string[]): void {
  for (const name of names) {
    const original = Reflect.get(owner, name) as (...parameters: unknown[]) => Promise<unknown>
    Reflect.set(owner, name, async function watched (this: unknown, ...parameters: unknown[]): Promise<unknown> {
      const run = RUN.getStore()
      const act = async (): Promise<unknown> => name === 'sync' ? undefined : await original.apply(this, parameters)
      if (run === undefined) return await act()
      if (++run.calls === run.deadly) {
        if (name === 'rm') removeSome(String(parameters[0]))
        run.die()
      }
      if (run.deadly > 0 && run.calls >= run.deadly) return await FOR_EVER
      const result = act()
      run.pending.add(result)
      const value = await result.finally(() => run.pending.delete(result))
      if (name === 'open') run.handles.add(value as FileHandle)
      return value
    })
  }
}

/** A call that does not wait cannot stop for ever: it throws, and so does each after it, but the descriptors are closed, as the system would. */
function watchAtOnce (names: readonly string[]): void {
  for (const name of names) {
    const original = Reflect.get(calls, name) as (...parameters: unknown[]) => unknown
    Reflect.set(calls, name, (...parameters: unknown[]): unknown => {
      const run = RUN.getStore()
      if (run !== undefined && isOver(run)) throw new Error('the process is dead')
      return original(...parameters)
    })
  }
}

function watchSync (): void {
  Reflect.set(calls, 'fsync', (_file: number, done: (error: null) => void): void => {
    const run = RUN.getStore()
    if (run === undefined || !isOver(run)) done(null)
  })
}

function isOver (run: Run): boolean {
  if (++run.calls === run.deadly) run.die()
  return run.deadly > 0 && run.calls >= run.deadly
}

/** A removal that is cut off: one file of the folder is gone. */
function removeSome (folder: string): void {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => !entry.isDirectory())
    const last = files.at(-1)
    if (last !== undefined) rmSync(join(last.parentPath, last.name))
  } catch {
    // no folder
  }
}
