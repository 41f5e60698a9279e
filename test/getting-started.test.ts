import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const run = promisify(execFile)
const hasUnzip = (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, 'unzip')))
if (!hasUnzip) process.stderr.write('getting started: `unzip -l` is left out, there is no unzip here\n')

let folder: string
const text = await readFile('docs/getting-started.md', 'utf8')
const blocks = (language: string): string[] => [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, body]) => body ?? '')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-getting-started-'))
  await mkdir(join(folder, 'storage'))
  await writeFile(join(folder, 'storage', 'notes.txt'), 'the first line\n')
  await writeFile(join(folder, 'caf'), `#!/bin/sh\nexec '${process.execPath}' '${join(process.cwd(), 'src/cli/main.ts')}' "$@"\n`)
  await chmod(join(folder, 'caf'), 0o755)
})

afterAll(async () => { await rm(folder, { recursive: true }) })

it('every command of getting started works, in its order', async () => {
  await writeFile(join(folder, 'caf.config.json'), blocks('json')[0] ?? '')
  const commands = blocks('sh').flatMap(block => block.trim().split('\n')).filter(line => hasUnzip || !line.startsWith('unzip'))
  expect(commands.length).toBeGreaterThan(14)
  for (const command of commands) {
    await run('sh', ['-ec', command], { cwd: folder, env: { PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`, XDG_CACHE_HOME: join(folder, 'cache'), XDG_STATE_HOME: join(folder, 'state') } }).catch((error: unknown) => { throw new Error(`${command} failed`, { cause: error }) })
  }
  expect(await readFile(join(folder, 'restored', 'notes.txt'), 'utf8')).toBe('the first line\na new line\n')
  expect(await readFile(join(folder, 'everything', 'notes.txt'), 'utf8')).toBe('the first line\na new line\n')
})
