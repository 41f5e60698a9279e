import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkSecret } from '../../../src/trust/keys/secret-strength.ts'

const WEAK = [
  '', 'short', 'a'.repeat(31), 'aB3$'.repeat(7),
  'a'.repeat(64), 'ab'.repeat(32), 'abcabcabcabcabcabcabcabcabcabcabcabc', '1'.repeat(40), '12312312312312312312312312312312312312',
  'q9c0hJm7vFzP1xQe'.repeat(4), 'correct-horse-battery-stapl-'.repeat(2),
  'abcdefghijklmnopqrstuvwxyz0123456789', '0123456789abcdef0123456789abcdef', 'zyxwvutsrqponmlkjihgfedcba9876543210', 'aabbccddeeffgghhiijjkkllmmnnooppqqrr',
  'super-secret-jwt-token-with-at-least-32-characters-long', 'your-256-bit-secret-your-256-bit-secret', 'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'changeme-changeme-changeme-changeme', 'change_me_to_a_random_string_of_32_characters', 'please-change-this-secret-in-production-1234', 'CHANGE-THIS-TO-A-LONG-RANDOM-STRING-PLEASE',
  'mysupersecretjwtsecretkeyforlocaldevelopment', 'supabase-demo-secret-key-for-local-development', 'default-secret-do-not-use-in-production!!', 'replace-this-with-your-own-jwt-secret-token',
  'keyboard cat keyboard dog keyboard cat', 'thisisasamplesecretthatmustbechanged', '<your-jwt-secret-must-be-at-least-32-chars>', '${JWT_SECRET_MUST_BE_AT_LEAST_32_CHARS}',
]

describe('weak secrets', () => {
  it.each(WEAK)('like %j are refused, with what to do and without being quoted', secret => {
    const refused = ((): unknown => {
      try {
        checkSecret(secret)
      } catch (error) {
        return error
      }
      return undefined
    })()
    expect(refused).toMatchObject({ code: 'SECRET_WEAK', data: {} })
    expect(refused).not.toHaveProperty('cause')
    expect(String(refused)).toContain('openssl rand -base64 48')
    if (secret.length > 8) expect(String(refused)).not.toContain(secret)
  })
})

describe('strong secrets', () => {
  it.each([
    ['base64', () => randomBytes(24).toString('base64')], ['base64 of 48', () => randomBytes(48).toString('base64')], ['base64url', () => randomBytes(32).toString('base64url')],
    ['hexadecimal', () => randomBytes(16).toString('hex')], ['long hexadecimal', () => randomBytes(32).toString('hex')], ['labelled', () => `jwt-secret-${randomBytes(24).toString('base64')}`],
  ])('that are random %s pass', (_name, make) => {
    for (let round = 0; round < 300; round++) expect(() => { checkSecret(make()) }).not.toThrow()
  })

  it('of words pass when they are of no example', () => {
    expect(() => { checkSecret('lagoon-velvet-harbour-quartz-meadow-pigeon') }).not.toThrow()
    expect(() => { checkSecret('Öresund überquert zwölf Brücken, fünf Möwen schauen') }).not.toThrow()
  })

  it('of any characters are judged without failing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), secret => {
      try {
        checkSecret(secret)
      } catch (error) {
        expect(error).toMatchObject({ code: 'SECRET_WEAK' })
      }
    }))
  })
})
