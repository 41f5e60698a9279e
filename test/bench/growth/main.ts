import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { memorySettings } from '../../../src/cli/memory-limits.ts'
import { folderSize } from '../folder-size.ts'
import { runMeasured } from '../measured-process.ts'
import { growDatabase } from './database.ts'
import type { DatabaseGrowth } from './database.ts'
import { growthDocument } from './document.ts'
import type { IndexGrowth, LineGrowth, TreeGrowth } from './document.ts'

/*
 * npm run bench:growth -- [--base share] [--snapshots n] [--files n] [--chunks n] [--write]
 * How cost grows: the benchmark's database at 1, 4 and 16 times `base`, a line of snapshots, a tree of simulated files, and an index of
 * chunks that are in no pack: about 9 minutes, and 10 GB on the disk. --write makes docs/scale.md of it; with --files 1000000 it takes some minutes more.
 */
const { values } = parseArgs({
  options: {
    base: { type: 'string', default: '0.25' },
    snapshots: { type: 'string', default: '100' },
    files: { type: 'string', default: '200000' },
    chunks: { type: 'string', default: '1000000' },
    write: { type: 'boolean', default: false },
  },
})

const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => { interruption.abort(new Error(`ended by ${name}`)) })
const { signal } = interruption
const started = performance.now()
const folder = await mkdtemp(join(tmpdir(), 'caf-growth-'))
try {
  const databases: DatabaseGrowth[] = []
  for (const times of [1, 4, 16]) {
    databases.push(await growDatabase(Number(values.base), times, signal))
    say(`database × ${times}`)
  }
  const line = await growLine(Number(values.snapshots))
  say(`${values.snapshots} snapshots`)
  const tree = await growTree(Number(values.files))
  say(`${values.files} files`)
  const index = await growIndex(Number(values.chunks))
  say(`${values.chunks} chunks`)
  const document = growthDocument({ databases, line, tree, index, date: new Date(), base: Number(values.base) })
  process.stdout.write(`\n${document}`)
  if (values.write) await writeFile(new URL('../../../docs/scale.md', import.meta.url), document)
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function growLine (snapshots: number): Promise<LineGrowth> {
  return await child('line.ts', join(folder, 'line'), String(snapshots)) as unknown as LineGrowth
}

async function growTree (files: number): Promise<TreeGrowth> {
  const place = join(folder, 'tree')
  const day = async (number: number): Promise<TreeGrowth['first']> => await child('tree.ts', place, String(files), String(number)) as unknown as TreeGrowth['first']
  const grown = { files, first: await day(0), unchanged: await day(0), changed: await day(1) }
  return { ...grown, memoryBytes: await folderSize(join(place, 'memory')) }
}

async function growIndex (chunks: number): Promise<IndexGrowth> {
  const place = join(folder, 'index')
  const fill = await child('index-cache.ts', 'fill', place, String(chunks)) as unknown as IndexGrowth['fill']
  const cacheBytes = await folderSize(place)
  return { chunks, fill, cacheBytes, find: await child('index-cache.ts', 'find', place, String(chunks)) as unknown as IndexGrowth['find'] }
}

/** What a script of this folder prints, and its most resident bytes. It is started like a command. */
async function child (script: string, ...options: readonly string[]): Promise<Record<string, number>> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const command = [process.execPath, ...memorySettings(process.versions, ['snapshot']), path, ...options].map(part => `'${part}'`).join(' ')
  const { cost, stdout } = await runMeasured(command, { cwd: folder, env: { PATH: process.env['PATH'] ?? '', HOME: folder, MALLOC_ARENA_MAX: '2' }, signal })
  return { ...JSON.parse(stdout) as Record<string, number>, peakBytes: cost.peakBytes }
}

function say (what: string): void {
  process.stdout.write(`${what}: after ${((performance.now() - started) / 1_000).toFixed(0)} s\n`)
}
