import { InvalidArgumentError } from 'commander'
import type { ReadAmount } from '../cas/pack-choice.ts'

/** Parses an option's value as a whole number; commander adds the option's name to the message. */
export function wholeNumber (minimum: number): (value: string) => number {
  return value => {
    const number = Number(value)
    if (!/^\d+$/.test(value) || number < minimum || !Number.isSafeInteger(number)) throw new InvalidArgumentError(`It must be a whole number from ${minimum}.`)
    return number
  }
}

/** Collects the values of an option that may be repeated. */
export function repeated (value: string, before: readonly string[] = []): readonly string[] {
  if (value === '') throw new InvalidArgumentError('It must not be empty.')
  return [...before, value]
}

const UNIT_BYTES: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** Parses `all`, a share such as `10%` or `0.1`, and an amount such as `5GB`, in steps of 1,024 as everywhere. */
export function readAmount (value: string): ReadAmount {
  if (value === 'all') return 'all'
  const [, number, percent, unit] = /^(\d+(?:\.\d+)?)(?:(%)|([KMGT])i?B?)?$/i.exec(value) ?? []
  const amount = Number(number)
  if (amount > 0 && unit !== undefined) return { bytes: Math.ceil(amount * UNIT_BYTES[unit.toUpperCase()]!) }
  const share = percent === undefined ? amount : amount / 100
  if (!(share > 0 && share <= 1)) throw new InvalidArgumentError('It must be "all", a share such as 10% or 0.1, or an amount such as 5GB.')
  return share
}
