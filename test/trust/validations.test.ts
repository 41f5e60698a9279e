import { describe, expect, it } from 'vitest'
import { isSelfValidated, validationsOf } from '../../src/engine/validations.ts'

const verdict = { validator: 'local', accepts: true, checked: 'data', blobs: 3, errors: [], host: 'here', self: true, key: 'k' }
const remote = { validator: 'far', accepts: true, checked: 'data', blobs: 0, errors: [], host: 'there:8441', key: 'l' }

describe('what a commit record says of validators', () => {
  it('is a verdict each, and nothing of what is none', () => {
    const statements = [verdict, remote, { proof: 'text' }, null, 'x', { validator: 7 }, { ...verdict, checked: 'nothing' }]
    expect(validationsOf({ statements })).toEqual([
      { validator: 'local', accepts: true, checked: 'data', host: 'here', key: 'k', self: true },
      { validator: 'far', accepts: true, checked: 'data', host: 'there:8441', key: 'l', self: false },
    ])
  })

  it('is a self-validation as long as nobody elsewhere vouches', () => {
    const is = (statements: readonly unknown[], validatedBy: readonly string[]): boolean => isSelfValidated({ statements, validatedBy })
    expect(is([verdict], ['local'])).toBe(true)
    expect(is([verdict, { ...verdict, validator: 'second' }], ['local', 'second'])).toBe(true)
    expect(is([verdict, remote], ['far', 'local'])).toBe(false)
    expect(is([verdict, { ...remote, accepts: false }], ['local'])).toBe(true)
    expect(is([verdict, { ...remote, checked: 'log' }], ['local'])).toBe(true)
    expect(is([], [])).toBe(false)
  })
})
