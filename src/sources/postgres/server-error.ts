import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import type { BackupErrorCode } from '../../errors.ts'

const UNREACHABLE = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EACCES',
  '53300', // too_many_connections
  '57P01', '57P02', '57P03', '57P05', // the server stops, crashed, starts, or an idle session was ended
])

/** Node's codes for a certificate that does not prove who the server is. */
const CERTIFICATE = /CERT|VERIFY|SELF_SIGNED/

const BY_STATE: Readonly<Record<string, BackupErrorCode>> = {
  '28P01': 'SOURCE_AUTH',
  '28000': 'SOURCE_AUTH',
  '42501': 'SOURCE_DENIED',
  '3D000': 'SOURCE_MISSING',
  // Something that the snapshot knows is gone, or the snapshot itself is (conflict with recovery on a standby).
  '42P01': 'SOURCE_CHANGED',
  '42703': 'SOURCE_CHANGED',
  '3F000': 'SOURCE_CHANGED',
  '40001': 'SOURCE_CHANGED',
  '55P03': 'SOURCE_CHANGED',
  XX000: 'SOURCE_FAILED',
}

export interface ServerErrorContext {
  /** What was being done, as in "cannot <action>". */
  readonly action: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** The typed error for whatever `pg` or the server threw; `BackupError`s and reasons of an abort pass through. */
export function asSourceError (error: unknown, { action, data = {} }: ServerErrorContext): unknown {
  if (isBackupError(error) || isAbort(error)) return error
  const text = error instanceof Error ? error.message : String(error)
  const state = systemCode(error)
  return new BackupError(codeOf(state, text), `cannot ${action}: ${text}${advice(state, text)}`, { cause: error, data: { ...data, ...(state !== undefined && { state }) } })
}

function codeOf (state: string | undefined, text: string): BackupErrorCode {
  // Something was dropped while it was looked at.
  if (/cache lookup failed|could not open relation/.test(text)) return 'SOURCE_CHANGED'
  if (state === '42501' && text.includes('row-level security')) return 'ROW_SECURITY'
  if (state !== undefined && (UNREACHABLE.has(state) || state.startsWith('08'))) return 'SOURCE_UNREACHABLE'
  if (state !== undefined && BY_STATE[state] !== undefined) return BY_STATE[state]
  // pg raises these without a code.
  if (/^Connection terminated|timeout expired|not queryable|does not support SSL/.test(text)) return 'SOURCE_UNREACHABLE'
  if (text.startsWith('SASL') || (state !== undefined && CERTIFICATE.test(state))) return 'SOURCE_AUTH'
  return 'SOURCE_FAILED'
}

function advice (state: string | undefined, text: string): string {
  if (text.includes('row-level security')) return '; the user needs BYPASSRLS (or to be superuser), else rows would be left out silently'
  if (state === '28000' && text.includes('no encryption')) return '; add sslmode=require to the URL'
  return ''
}

function isAbort (error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
