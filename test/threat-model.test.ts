import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const docs = join(import.meta.dirname, '../docs')
const text = readFileSync(join(docs, 'threat-model.md'), 'utf8')
const links = [...text.matchAll(/\[[^\]]+\]\(([^ )]+) "([^"]+)"\)/g)].map(([, path, name]) => [path!, name!] as const)

describe('docs/threat-model.md', () => {
  it('links a test with each protection', () => {
    const bare = text.split('\n').filter(line => line.startsWith('- ') && !/\]\(\.\.\/test\/[^ ]+ "/.test(line))
    expect(bare).toEqual([])
    expect(links.length).toBeGreaterThan(40)
  })

  it.each(links)('finds in %s the test "%s"', (path, name) => {
    const source = readFileSync(join(docs, path), 'utf8').replaceAll("\\'", "'")
    expect(['\'', '`', '"'].some(quote => source.includes(`${quote}${name}${quote}`))).toBe(true)
  })
})
