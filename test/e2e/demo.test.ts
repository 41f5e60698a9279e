import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)

interface Line {
  readonly event: string
  readonly title: string
  readonly notes?: readonly string[]
  readonly facts?: Readonly<Record<string, string>>
}

describe('the demo', () => {
  it('does the main job, and its second day costs at most a tenth of the first', async () => {
    const { stdout, stderr } = await run(process.execPath, ['test/e2e/demo/main.ts', '--json'], { maxBuffer: 10_000_000 })
    const lines = stdout.trim().split('\n').map(line => JSON.parse(line) as Line)
    expect(stderr).toBe('')
    expect(lines.filter(({ event }) => event === 'step.end')).toHaveLength(14)
    expect(lines.at(-1)).toMatchObject({ event: 'summary', title: 'all equal' })
    const costs = lines.find(({ title }) => title === 'what it cost')?.facts ?? {}
    expect(Number.parseFloat(costs['second to first'] ?? '100')).toBeLessThanOrEqual(10)
  })
})
