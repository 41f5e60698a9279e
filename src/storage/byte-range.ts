import { BackupError } from '../errors.ts'
import type { RangeOptions } from './storage-backend.ts'

export interface ByteRange {
  readonly offset: number
  /** Infinity when the range ends with the object. */
  readonly length: number
}

/** The range that `options` ask for. @throws {BackupError} `INVALID_OPTION` for anything but whole numbers from 0. */
export function byteRange ({ offset = 0, length = Infinity }: RangeOptions): ByteRange {
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
  if (!whole(offset) || !(whole(length) || length === Infinity)) {
    throw new BackupError('INVALID_OPTION', `not a range of bytes: offset ${offset}, length ${length}`, { data: { offset, length } })
  }
  return { offset, length }
}
