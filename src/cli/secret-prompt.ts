import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Secret } from '../config/secret.ts'
import { BackupError } from '../errors.ts'
import type { Cli } from './cli.ts'

/** Reads a new secret from a file, or asks for it twice on a terminal, unseen. @throws {BackupError} `INVALID_OPTION` without file and terminal; `CONFIG_INVALID` for a file that cannot be read */
export async function newSecret (cli: Cli, file: string | undefined, option: string): Promise<string> {
  const { stdin, stderr, cwd, env } = cli.terminal
  if (file !== undefined) return await new Secret({ file }, { field: option, folder: cwd, env }).reveal()
  if (!stdin.isTTY || !stderr.isTTY) throw new BackupError('INVALID_OPTION', `there is no terminal to ask for the secret: give ${option} or --recipient`)
  const [secret, again] = await askUnseen(cli, ['new secret: ', 'once more: '])
  if (secret === undefined || secret !== again) throw new BackupError('INVALID_OPTION', 'the two are not the same')
  return secret
}

/** The answers, as far as there are any. */
async function askUnseen ({ terminal: { stdin, stderr }, signal }: Cli, questions: readonly string[]): Promise<string[]> {
  // The dialogue shows what is typed on its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => { done() } })
  const dialogue = createInterface({ input: stdin, output: nowhere, terminal: true, signal })
  dialogue.on('SIGINT', () => { process.kill(process.pid, 'SIGINT') })
  const answers: string[] = []
  try {
    // Both answers may come at once, so that one reader has to take them.
    stderr.write(questions[0] ?? '')
    for await (const answer of dialogue) {
      stderr.write('\n')
      if (answers.push(answer) === questions.length) break
      stderr.write(questions[answers.length] ?? '')
    }
    signal.throwIfAborted()
    return answers
  } finally {
    dialogue.close()
  }
}
