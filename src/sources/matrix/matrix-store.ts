import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions, Bytes } from '../../stream.ts'

export interface MatrixEntry {
  readonly name: string
  /** Another text whenever the matrix is another one. */
  readonly version: string
}

/** Where an application keeps its matrices: each the bytes of a .npy file under a name. */
export interface MatrixStore {
  /** For messages: a path or table, without secrets. */
  readonly location: string
  /** In ascending order of the names. @throws {BackupError} `SOURCE_MISSING` when there is nothing that could hold matrices */
  list(options?: AbortOptions): Promise<readonly MatrixEntry[]>
  /** The bytes of a matrix, undefined when there is none of that name. */
  read(name: string, options?: AbortOptions): Promise<Bytes | undefined>
  /** Adds or replaces a matrix: whole and durable once this returns, else as if never tried. */
  write(name: string, body: Bytes, options?: AbortOptions): Promise<void>
  /** False when there was none. */
  delete(name: string, options?: AbortOptions): Promise<boolean>
}

/** @throws {BackupError} `INVALID_OPTION` for names that would not be a file's name everywhere */
export function checkMatrixName (name: string): void {
  if (name !== '' && !/[/\\\0]/.test(name) && !name.startsWith('.') && Buffer.byteLength(name) <= 200) return
  throw new BackupError('INVALID_OPTION', `${JSON.stringify(name.slice(0, 200))} cannot be the name of a matrix: at most 200 bytes, no slashes, no dot in front`, { data: { name } })
}

/** The names in a store, which need not be there yet. */
export async function matrixNames (store: MatrixStore, options: AbortOptions = {}): Promise<string[]> {
  try {
    return (await store.list(options)).map(({ name }) => name)
  } catch (error) {
    if (isBackupError(error, 'SOURCE_MISSING')) return []
    throw error
  }
}
