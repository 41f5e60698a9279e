import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bashCompletion } from '../../src/cli/completion/bash.ts'
import { commandWords, subcommandWords } from '../../src/cli/completion/command-words.ts'
import { fishCompletion } from '../../src/cli/completion/fish.ts'
import { zshCompletion } from '../../src/cli/completion/zsh.ts'
import { commandTree } from './program.ts'

const program = commandTree()
const words = [commandWords(program), subcommandWords(program)] as const
const bash = bashCompletion(...words)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-test-completion-'))
  await mkdir(join(folder, 'my folder'))
  await writeFile(join(folder, 'my file.caf'), '')
})
afterAll(async () => { await rm(folder, { recursive: true }) })

/** What a real bash would offer for the last of `line`. */
async function offered (...line: string[]): Promise<string[]> {
  const script = `${bash}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _caf; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', script, 'bash', 'caf', ...line], { cwd: folder })
  return stdout.split('\n').filter(reply => reply !== '')
}

describe('completion in bash', () => {
  it('offers the commands', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(program.commands.map(command => command.name())))
    expect(await offered('snap')).toEqual(['snapshot', 'snapshots'])
  })

  it('offers the options of a command and those for every command', async () => {
    expect(await offered('restore', '--to-')).toEqual(['--to-database', '--to-schema', '--to-collection', '--to-folder'])
    expect(await offered('gc', '--')).toEqual(expect.arrayContaining(['--dry-run', '--json', '--config']))
    expect(await offered('--js')).toEqual(['--json'])
  })

  it('offers the acts of a command, and the options of all of them', async () => {
    expect(await offered('key', '')).toEqual(expect.arrayContaining(['list', 'add', 'remove', 'rotate', 'history', 'export']))
    expect(await offered('key', 'rotate', '--dr')).toEqual(['--drop'])
  })

  it('finds the command behind options and their values', async () => {
    expect(await offered('--config', 'snapshots', '--json', 'verify', '--read')).toEqual(['--read-data'])
  })

  it('offers choices, and nothing where it knows nothing', async () => {
    expect(await offered('gc', '--progress', '')).toEqual(['auto', 'none', 'json'])
    expect(await offered('restore', '--strategy', 's')).toEqual(['selective'])
    expect(await offered('completion', 'f')).toEqual(['fish'])
    expect(await offered('snapshot', '--tag', '')).toEqual([])
  })

  it('offers files and folders where one is wanted, whole with their blanks', async () => {
    expect(await offered('--repository', 'my')).toEqual(['my folder'])
    expect((await offered('--config', 'my')).sort()).toEqual(['my file.caf', 'my folder'])
    expect((await offered('import', 'my')).sort()).toEqual(['my file.caf', 'my folder'])
  })

  it('registers itself', async () => {
    const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', `${bash}\ncomplete -p caf`])
    expect(stdout).toBe('complete -F _caf caf\n')
  })
})

describe('completion in zsh and fish', () => {
  const names = program.commands.map(command => command.name())
  const flags = program.commands.flatMap(command => command.options.map(option => option.long!))

  it('knows every command and every option', () => {
    const [zsh, fish] = [zshCompletion(...words), fishCompletion(...words)]
    for (const name of names) expect([zsh.includes(`  ${name}) _arguments`), fish.includes(`-a ${name} -d`)]).toEqual([true, true])
    for (const flag of flags) expect([zsh.includes(`'*${flag}[`), fish.includes(` -l ${flag.slice(2)} `)]).toEqual([true, true])
  })

  it('leaves no quote open', () => {
    for (const script of [zshCompletion(...words), fishCompletion(...words)]) {
      for (const line of script.split('\n').filter(text => !text.startsWith('#'))) expect([...line.replaceAll(String.raw`'\''`, '').replaceAll(String.raw`\'`, '').matchAll(/'/g)].length % 2).toBe(0)
    }
  })
})
