import { InvalidArgumentError } from 'commander'

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

/** Parses `10%` as 0.1, and `all`. */
export function shareOrAll (value: string): number | 'all' {
  if (value === 'all') return 'all'
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(value)?.[1])
  if (!(percent > 0 && percent <= 100)) throw new InvalidArgumentError('It must be "all" or a share such as 10%.')
  return percent / 100
}
