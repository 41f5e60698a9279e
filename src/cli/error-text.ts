import { BackupError } from '../errors.ts'
import { printable } from './printable.ts'

export interface ErrorTextOptions {
  /** Adds what it was caused by, and the stack of an error that nobody foresaw. */
  readonly verbose: boolean
}

/** `caf: <message> [CODE]`, and with `verbose` a line for each cause. */
export function errorText (error: unknown, { verbose }: ErrorTextOptions): string {
  const lines = messageOf(error).split('\n').map(printable)
  const code = error instanceof BackupError ? ` [${error.code}]` : ''
  const hint = error instanceof BackupError || verbose ? [] : ['  this should not happen; --verbose shows where']
  return [`caf: ${lines.join('\n  ')}${code}`, ...hint, ...(verbose ? causesOf(error) : [])].join('\n')
}

/** The same for programs. */
export function errorDocument (error: unknown): { readonly error: Readonly<Record<string, unknown>> } {
  return { error: error instanceof BackupError ? { code: error.code, message: error.message, data: error.data } : { message: messageOf(error) } }
}

function causesOf (error: unknown): string[] {
  const lines: string[] = []
  if (!(error instanceof BackupError) && error instanceof Error && error.stack !== undefined) lines.push(...error.stack.split('\n').slice(1))
  const seen = new Set<unknown>([error])
  for (let cause = causeOf(error); cause !== undefined && !seen.has(cause); cause = causeOf(cause)) {
    seen.add(cause)
    const name = cause instanceof BackupError ? cause.code : cause instanceof Error ? cause.name : typeof cause
    lines.push(`  cause: ${name}: ${printable(messageOf(cause))}`)
  }
  return lines
}

function causeOf (error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
