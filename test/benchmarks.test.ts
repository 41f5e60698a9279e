import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

const README = await readFile(new URL('../README.md', import.meta.url), 'utf8')
const BENCHMARKS = await readFile(new URL('../docs/benchmarks.md', import.meta.url), 'utf8')

describe('the README\'s figures', () => {
  it('are lines of docs/benchmarks.md, as a run wrote them', () => {
    const section = /\n## Speed and size\n(.*?)\n## /s.exec(README)?.[1] ?? ''
    const rows = section.split('\n').filter(line => line.startsWith('| ') && !line.startsWith('| ---'))
    expect(rows.length).toBeGreaterThan(5)
    const measured = new Set(BENCHMARKS.split('\n'))
    expect(rows.filter(row => !measured.has(row))).toEqual([])
  })
})
