import type { Environment } from '../config/settings.ts'

const SETTINGS = [
  // V8 gives room to short-lived objects by how many bytes lived on since the process began, so that one that goes through much data ends with 100 MB, of which little is used.
  '--max-semi-space-size=4',
  // pg_dump, as WebAssembly, runs for a part of a second: optimising it takes longer than it saves, and 40 MB.
  '--wasm-tiering-budget=1000000000',
]
/** glibc has memory for each thread, up to eight times as many as processors, and keeps in each what was given back to it. */
const ARENAS = { MALLOC_ARENA_MAX: '2' }
/** The commands that go through much data; where such a word is the value of an option, nothing is lost but some milliseconds. */
const LONG_COMMANDS: readonly string[] = ['snapshot', 'restore', 'verify', 'repair', 'gc', 'export', 'import', 'diff']

/** What of `process` decides, and what starts it anew. */
export type StartedProcess = Pick<NodeJS.Process, 'argv' | 'execArgv' | 'execPath' | 'execve' | 'platform'>

/**
 * Starts this process anew in its own place, with settings that it takes only at the start, if the command is worth it. Does nothing where the caller has limited
 * the young generation, where the system cannot replace a process, and for a child that talks with its parent through Node: that connection would end.
 */
export function limitMemory ({ argv, execArgv, execPath, execve, platform }: StartedProcess, env: Environment): void {
  const isSet = /max[-_]semi[-_]space/.test([env['NODE_OPTIONS'], ...execArgv].join(' '))
  if (isSet || execve === undefined || platform === 'win32' || env['NODE_CHANNEL_FD'] !== undefined) return
  if (argv.slice(2).some(word => LONG_COMMANDS.includes(word))) execve(execPath, [execPath, ...SETTINGS, ...execArgv, ...argv.slice(1)], { ...ARENAS, ...env })
}
