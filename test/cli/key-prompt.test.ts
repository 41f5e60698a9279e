import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { OTHER_SECRET, SECRET } from '../trust/keys/secrets.ts'
import { MAIN } from './run-caf.ts'
import { runHere } from './run-here.ts'

const hasTerminal = (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, 'script')))
if (!hasTerminal) process.stderr.write('asking for a secret on a terminal is not tried: there is no `script` to make one\n')

let folder: string
const env = (): Record<string, string> => ({ JWT_SECRET: SECRET, PATH: process.env['PATH'] ?? '', XDG_CACHE_HOME: join(folder, 'cache'), XDG_STATE_HOME: join(folder, 'state') })
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-test-prompt-'))
  await writeFile(join(folder, 'caf.config.json'), JSON.stringify({ repository: 'backups' }))
  expect((await runHere(['init', '--sealed'], { cwd: folder, env: env() })).status).toBe(0)
})
afterEach(async () => { await rm(folder, { recursive: true }) })

/** What is on the terminal at the end; each answer is typed when its question is there. */
async function typed (answers: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    const child = execFile('script', ['-qec', `'${process.execPath}' '${MAIN}' key add --label typed`, '/dev/null'], { cwd: folder, env: env(), timeout: 60_000 })
    const left = [...answers]
    let shown = ''
    child.stdout!.on('data', (text: string) => {
      shown += text
      if (/: $/.test(text)) child.stdin!.write(`${left.shift()}\r`)
    })
    child.once('error', reject)
    child.once('close', () => { resolve(shown) })
  })
}

it.skipIf(!hasTerminal)('a new secret is asked for twice, and not shown', async () => {
  const shown = await typed([OTHER_SECRET, OTHER_SECRET])
  expect(shown).toContain('added slot')
  expect(shown).not.toContain(OTHER_SECRET)
  expect((await runHere(['key', 'list'], { cwd: folder, env: { ...env(), JWT_SECRET: OTHER_SECRET } })).stdout).toContain('typed')
})

it.skipIf(!hasTerminal)('a new secret that is typed differently the second time is refused', async () => {
  const shown = await typed([OTHER_SECRET, SECRET])
  expect(shown).toContain('INVALID_OPTION')
  for (const secret of [SECRET, OTHER_SECRET]) expect(shown).not.toContain(secret)
})
