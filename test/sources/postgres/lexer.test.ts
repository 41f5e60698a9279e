import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { identifierOf, sqlStatements, sqlTokens } from '../../../src/sources/postgres/sql-lexer.ts'

const shape = (sql: string): string[] => [...sqlTokens(sql)].filter(token => token.kind !== 'space').map(({ kind, text }) => `${kind} ${text}`)

describe('tokens', () => {
  it.each([
    ["SELECT 'it''s'", ['word SELECT', "string 'it''s'"]],
    ["'a\\' b", ["string 'a\\'", 'word b']],
    ["E'a\\'b' c", ["string E'a\\'b'", 'word c']],
    ["U&'\\0061''' x", ["string U&'\\0061'''", 'word x']],
    ['U&"d\\0061t" "a""b"', ['quoted U&"d\\0061t"', 'quoted "a""b"']],
    ["B'01' x'1F'", ["string B'01'", "string x'1F'"]],
    ["$$a $b$ '$$ $b$ $$ -- $c$ $b$", ["string $$a $b$ '$$", 'string $b$ $$ -- $c$ $b$']],
    ['a$b$c $1 $é$x$é$', ['word a$b$c', 'number $1', 'string $é$x$é$']],
    ["/* a /* b */ ' */ c -- d ' /*\ne", ["comment /* a /* b */ ' */", 'word c', "comment -- d ' /*", 'word e']],
    ['1.5e-3..2 .5', ['number 1.5e-3', 'symbol .', 'number .2', 'number .5']],
    ['a->>b', ['word a', 'symbol -', 'symbol >', 'symbol >', 'word b']],
    ['naïve_ünïcode', ['word naïve_ünïcode']],
  ])('of %s', (sql, tokens) => { expect(shape(sql)).toEqual(tokens) })

  it.each(["'open", 'E\'open\\', '"open', '$a$open', '/* /* open */'])('takes %s, which is not terminated, to the end', sql => {
    expect([...sqlTokens(sql)]).toHaveLength(1)
  })

  it('join to the text again, whatever it is', () => {
    const piece = fc.constantFrom("'", '"', '$$', '$a$', '--', '/*', '*/', '\n', ';', 'E', 'U&', '\\', 'word', '1', '.', '(', ')', ' ', 'é', '𝄞')
    fc.assert(fc.property(fc.array(piece), pieces => {
      const sql = pieces.join('')
      expect([...sqlTokens(sql)].map(token => token.text).join('')).toBe(sql)
      expect([...sqlStatements(sql)].join('')).toBe(sql)
    }))
  })

  it('find again any name and any string that was quoted', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (name, value) => {
      const tokens = [...sqlTokens(`"${name.replaceAll('"', '""')}" '${value.replaceAll("'", "''")}'`)]
      expect(tokens).toHaveLength(3)
      expect(identifierOf(tokens[0] ?? { kind: 'space', text: '', start: 0 })).toBe(name)
    }))
  })
})

describe('statements', () => {
  const bodies = (sql: string): string[] => [...sqlStatements(sql)].map(statement => statement.trim())

  it('end at semicolons outside of strings, comments and parentheses', () => {
    expect(bodies("SELECT ';'; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); /* ; */ SELECT 3")).toEqual([
      "SELECT ';';", 'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);', '/* ; */ SELECT 3',
    ])
  })

  it('keep the body of a function in the SQL standard way together', () => {
    const create = 'CREATE OR REPLACE FUNCTION f() RETURNS int\n BEGIN ATOMIC\n SELECT CASE WHEN true THEN 1 END; SELECT 2;\nEND;'
    expect(bodies(`BEGIN; ${create} COMMIT;`)).toEqual(['BEGIN;', create, 'COMMIT;'])
  })
})
