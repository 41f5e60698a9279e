import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { runCaf } from './run-caf.ts'

/** Writes the address of every module that is asked for into the file `CAF_TEST_MODULES`, when the process ends. */
const RECORDER = `
import { registerHooks } from 'node:module'
import { writeFileSync } from 'node:fs'
const seen = new Set()
registerHooks({ resolve (specifier, context, next) {
  const found = next(specifier, context)
  seen.add(found.url)
  return found
} })
process.on('exit', () => { writeFileSync(process.env.CAF_TEST_MODULES, [...seen].filter(url => url.startsWith('file:')).join('\\n')) })`

/** The modules that a process with this command line loads: a package of `node_modules` by its name, a file of ours by its path below `src/`. */
export async function loadedModules (args: readonly string[], cwd: string): Promise<string[]> {
  const list = join(cwd, 'modules')
  const { status, stderr } = await runCaf(args, {
    cwd, env: { CAF_TEST_MODULES: list, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(RECORDER)}`, NODE_DISABLE_COMPILE_CACHE: '1' },
  })
  expect([status, stderr]).toEqual([0, ''])
  return (await readFile(list, 'utf8')).split('\n').map(nameOf)
}

/** How many modules of each package and folder there are, the most first: for the message of a failure. */
export function heaviest (modules: readonly string[]): string {
  const groups = Map.groupBy(modules, name => name.includes('/') && !name.startsWith('@') ? name.slice(0, name.indexOf('/') + 1) : name)
  return [...groups].sort(([, a], [, b]) => b.length - a.length).slice(0, 8).map(([name, { length }]) => `${name} ${length}`).join(', ')
}

function nameOf (url: string): string {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? /\/src\/(.+)$/.exec(url)?.[1] ?? url
}
