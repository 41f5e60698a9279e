import type { Environment } from '../config/settings.ts'

/** V8 gives room to short-lived objects by how many bytes lived on since the process began, so that one that goes through much data ends with 100 MB, of which little is used. */
const YOUNG = '--max-semi-space-size=1'
/** Node refuses to start with a setting that its V8 does not know. */
const TRIED_V8 = '13.'
/** pg_dump, as WebAssembly, runs for a part of a second: optimising it takes longer than it saves, and 40 MB. */
const WASM = '--wasm-tiering-budget=1000000000'
/** V8 collects when its heap has grown to up to four times of what was alive, which is more the longer a process runs. */
const HEAP = '--heap-growing-percent=30'
/** V8 counts buffers by a rule of their own, which lets 60 MB of them lie; so they count like the heap. */
const TOGETHER = '--external-memory-accounted-in-global-limit'
/** To the others it makes no difference. */
const LARGEST_COMMAND = 'snapshot'
/** glibc has memory for each thread, up to eight times as many as processors, and keeps in each what was given back to it. */
const ARENAS = { MALLOC_ARENA_MAX: '2' }
/** The commands that go through much data; where such a word is the value of an option, nothing is lost but some milliseconds. */
const LONG_COMMANDS: readonly string[] = ['snapshot', 'restore', 'verify', 'repair', 'gc', 'export', 'import', 'diff']

/** What of `process` decides, and what starts it anew. */
export type StartedProcess = Pick<NodeJS.Process, 'argv' | 'execArgv' | 'execPath' | 'execve' | 'platform' | 'versions'>

/** What Node is started with to do with less memory what these words of a command line say. */
export function memorySettings ({ v8 }: Pick<NodeJS.ProcessVersions, 'v8'>, words: readonly string[]): readonly string[] {
  if (!v8.startsWith(TRIED_V8)) return [YOUNG]
  return [YOUNG, WASM, HEAP, ...words.includes(LARGEST_COMMAND) ? [TOGETHER] : []]
}

/**
 * Starts this process anew in its own place, with settings that it takes only at the start, if the command is worth it. Does nothing where the caller has limited
 * the young generation, where the system cannot replace a process, and for a child that talks with its parent through Node: that connection would end.
 */
export function limitMemory ({ argv, execArgv, execPath, execve, platform, versions }: StartedProcess, env: Environment): void {
  const isSet = /max[-_]semi[-_]space/.test([env['NODE_OPTIONS'], ...execArgv].join(' '))
  if (isSet || execve === undefined || platform === 'win32' || env['NODE_CHANNEL_FD'] !== undefined) return
  const words = argv.slice(2)
  if (!words.some(word => LONG_COMMANDS.includes(word))) return
  execve(execPath, [execPath, ...memorySettings(versions, words), ...execArgv, ...argv.slice(1)], { ...ARENAS, ...env })
}
