import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { mutate } from './mutant.ts'
import type { Mutant } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

/*
 * npm run mutate [-- --guarantee 4] [--match text]
 * Takes one protection away at a time, in a copy of the project, and runs the test that must notice. Exits with 1 if one does not.
 */
const PARTS = ['src', 'test', 'docs', 'README.md', '.backups-example', 'package.json', 'tsconfig.json', 'vitest.config.ts']
const PROJECT = resolve(import.meta.dirname, '../..')
/** A test that hangs without its protection has noticed too. */
const DEADLINE_MS = 180_000

type Verdict = 'killed' | 'SURVIVED' | 'red without it'

async function copyProject (): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'caf-mutation-'))
  for (const part of PARTS) await cp(join(PROJECT, part), join(folder, part), { recursive: true })
  await symlink(join(PROJECT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** True if the test is green. A run that matches no test counts as red before, and as an error of the list. */
async function isGreen (folder: string, { test, named }: Mutant): Promise<boolean> {
  const name = named === undefined ? [] : ['--testNamePattern', named]
  const child = spawn(process.execPath, [join(folder, 'node_modules/vitest/vitest.mjs'), 'run', test, ...name, '--maxWorkers=1', '--reporter=dot'], {
    cwd: folder, stdio: 'ignore', detached: true,
  })
  const timer = setTimeout(() => { process.kill(-child.pid!, 'SIGKILL') }, DEADLINE_MS)
  const code = await new Promise<number | null>(end => { child.on('exit', end) })
  clearTimeout(timer)
  return code === 0
}

async function judge (folder: string, mutant: Mutant, greenBefore: boolean): Promise<Verdict> {
  if (!greenBefore) return 'red without it'
  const path = join(folder, mutant.file)
  const source = await readFile(path, 'utf8')
  await writeFile(path, mutate(source, mutant))
  try {
    return await isGreen(folder, mutant) ? 'SURVIVED' : 'killed'
  } finally {
    await writeFile(path, source)
  }
}

/** Runs `mutants` one after another in a copy of their own. */
async function worker (mutants: Mutant[], onJudged: (mutant: Mutant, verdict: Verdict) => void): Promise<void> {
  const folder = await copyProject()
  const green = new Map<string, boolean>()
  try {
    for (let mutant = mutants.shift(); mutant !== undefined; mutant = mutants.shift()) {
      const key = `${mutant.test} ${mutant.named ?? ''}`
      if (!green.has(key)) green.set(key, await isGreen(folder, mutant))
      onJudged(mutant, await judge(folder, mutant, green.get(key)!))
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function main (): Promise<void> {
  const { values } = parseArgs({ options: { guarantee: { type: 'string' }, match: { type: 'string', default: '' }, workers: { type: 'string', default: String(availableParallelism()) } } })
  const chosen = MUTANTS.filter(({ guarantee, without, file }) => (values.guarantee === undefined || Number(values.guarantee) === guarantee) && `${without} ${file}`.includes(values.match))
  for (const mutant of chosen) mutate(await readFile(join(PROJECT, mutant.file), 'utf8'), mutant)
  let killed = 0
  const left = [...chosen]
  await Promise.all(Array.from({ length: Number(values.workers) }, async () => {
    await worker(left, ({ guarantee, without, file, test }, verdict) => {
      if (verdict === 'killed') killed++
      process.stdout.write(`${guarantee}  ${verdict.padEnd(14)}  ${without}  (${file}; ${test})\n`)
    })
  }))
  process.stdout.write(`${killed} of ${chosen.length} mutants killed\n`)
  process.exitCode = killed === chosen.length ? 0 : 1
}

await main()
