import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { BackupError, systemCode } from '../errors.ts'

const NAMES = ['caf.config.ts', 'caf.config.json']

export interface ConfigFile {
  readonly path: string
  /** Not yet checked. */
  readonly content: unknown
}

/**
 * Reads the named configuration file, or the nearest `caf.config.ts` or `caf.config.json` in `cwd` or a folder above it.
 * @returns undefined when none is named and none is found
 * @throws {BackupError} `CONFIG_INVALID`, without what stands in the file
 */
export async function readConfigFile (cwd: string, named?: string): Promise<ConfigFile | undefined> {
  const path = named === undefined ? findConfigFile(cwd) : resolve(cwd, named)
  if (path === undefined) return undefined
  if (!existsSync(path)) throw invalid(path, 'does not exist')
  return { path, content: path.endsWith('.json') ? await readJson(path) : loadModule(path) }
}

function findConfigFile (folder: string): string | undefined {
  const found = NAMES.map(name => join(folder, name)).filter(path => existsSync(path))
  if (found.length > 1) throw new BackupError('CONFIG_INVALID', `${found.join(' and ')} are both there; remove one, or name one with --config`, { data: { found } })
  const parent = dirname(folder)
  return found[0] ?? (parent === folder ? undefined : findConfigFile(parent))
}

async function readJson (path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => { throw invalid(path, 'cannot be read', cause) })
  try {
    return JSON.parse(text)
  } catch (error) {
    // The parser's message quotes the text around the mistake, which may be a password.
    const place = /line \d+ column \d+/.exec(String(error))?.[0]
    throw invalid(path, place === undefined ? 'is not valid JSON' : `is not valid JSON at ${place}`)
  }
}

/** Node strips the types. A `require` can be given a path that is not known beforehand, and reads what `import` reads except a top-level await. */
function loadModule (path: string): unknown {
  const module = load(path)
  const content = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  if (content === undefined) throw invalid(path, 'has no default export; write `export default defineConfig({ … })`')
  return content
}

function load (path: string): unknown {
  try {
    return createRequire(import.meta.url)(path)
  } catch (error) {
    if (systemCode(error) === 'ERR_REQUIRE_ASYNC_MODULE') throw invalid(path, "waits at its top level, which a configuration cannot; give what has to be looked up as { env: 'NAME' } or { file: 'path' }")
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n') // what follows may quote the file
    throw invalid(path, `cannot be loaded: ${message}`)
  }
}

function invalid (path: string, what: string, cause?: unknown): BackupError {
  return new BackupError('CONFIG_INVALID', `${path} ${what}`, { data: { path }, cause })
}
