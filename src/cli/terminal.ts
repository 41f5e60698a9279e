import { styleText } from 'node:util'
import type { Environment } from '../config/settings.ts'

/** What a command talks to: the process's own streams and surroundings. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Environment
  readonly cwd: string
}

export function processTerminal (): Terminal {
  const { stdin, stdout, stderr, env } = process
  return { stdin, stdout, stderr, env, cwd: process.cwd() }
}

type Style = Parameters<typeof styleText>[0]

/** `text` in colour where `stream` shows colours and the user wants them (`NO_COLOR`, `FORCE_COLOR`). */
export function styled (style: Style, text: string, stream: NodeJS.WriteStream): string {
  return styleText(style, text, { stream, validateStream: true })
}
