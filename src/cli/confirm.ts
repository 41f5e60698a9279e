import { createInterface } from 'node:readline/promises'
import { BackupError } from '../errors.ts'
import type { Cli } from './cli.ts'

/**
 * Asks before something that cannot be taken back. Without a terminal there is nobody to ask: the command line is all the consent there can be.
 * @throws {BackupError} `CANCELLED` when the answer is no
 */
export async function confirm ({ terminal: { stdin, stderr }, signal }: Cli, question: string): Promise<void> {
  if (!stdin.isTTY || !stderr.isTTY) return
  const dialogue = createInterface({ input: stdin, output: stderr })
  // The dialogue takes Ctrl-C from the terminal.
  dialogue.on('SIGINT', () => { process.kill(process.pid, 'SIGINT') })
  try {
    const answer = await dialogue.question(`${question} [y/N] `, { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new BackupError('CANCELLED', 'nothing was done')
  } finally {
    dialogue.close()
  }
}
