import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Environment } from './settings.ts'

/** The folder for what this user's commands may lose: caches. */
export function cacheFolderOf (env: Environment): string {
  const given = env['XDG_CACHE_HOME']
  return join(given === undefined || given === '' ? join(homedir(), '.cache') : given, 'caf')
}

/** Not the cache's folder: what is forgotten here is no longer noticed. */
export function stateFolderOf (env: Environment): string {
  const { CAF_STATE_DIR: own = '', XDG_STATE_HOME: state = '' } = env
  return own === '' ? join(state === '' ? join(homedir(), '.local/state') : state, 'caf') : resolve(own)
}
