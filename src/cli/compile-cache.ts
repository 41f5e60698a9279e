import { lstatSync, mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
import { cacheFolderOf } from '../config/own-folders.ts'
import type { Environment } from '../config/settings.ts'

/**
 * Lets Node keep what it has compiled of our modules, which halves the time that a command takes to start. What lies in that folder is run: it must be
 * of this user, and for nobody else; Node's own choice, a known name in the folder for temporary files, is not. Without such a folder every start compiles anew.
 * `NODE_COMPILE_CACHE` names another folder, `NODE_DISABLE_COMPILE_CACHE` does without.
 */
export function keepCompiledCode (env: Environment): void {
  const folder = join(cacheFolderOf(env), 'compiled')
  if (env['NODE_DISABLE_COMPILE_CACHE'] === undefined && env['NODE_COMPILE_CACHE'] === undefined && isMadeForUs(folder)) enableCompileCache(folder)
}

function isMadeForUs (folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const found = lstatSync(folder)
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0
  } catch {
    return false
  }
}
