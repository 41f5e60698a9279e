import { machine } from '../document.ts'
import { markdownTable } from '../table.ts'
import type { DatabaseGrowth } from './database.ts'

interface Peak {
  /** Most resident bytes of the process. */
  readonly peakBytes: number
}

export interface LineGrowth extends Peak {
  readonly snapshots: number
  readonly logBytes: number
  /** Medians of the second to eleventh snapshot, and of the last ten. */
  readonly earlyMs: number
  readonly lateMs: number
  readonly earlyBytes: number
  readonly lateBytes: number
}

interface TreeSnapshot extends Peak {
  readonly ms: number
  readonly storedBytes: number
  readonly sizeBytes: number
}

export interface TreeGrowth {
  readonly files: number
  readonly first: TreeSnapshot
  readonly unchanged: TreeSnapshot
  readonly changed: TreeSnapshot
  /** What the host remembers of the files. */
  readonly memoryBytes: number
}

export interface IndexGrowth {
  readonly chunks: number
  readonly fill: Peak & { readonly ms: number, readonly segmentBytes: number }
  readonly find: Peak & { readonly openMs: number, readonly loadedMs: number, readonly presentRate: number, readonly absentRate: number }
  readonly cacheBytes: number
}

export interface Growth {
  readonly databases: readonly DatabaseGrowth[]
  readonly line: LineGrowth
  readonly tree: TreeGrowth
  readonly index: IndexGrowth
  readonly date: Date
  readonly base: number
}

/** docs/scale.md. */
export function growthDocument ({ databases, line, tree, index, date, base }: Growth): string {
  return `# How it grows

Made by \`npm run bench:growth -- --write\` ([test/bench/growth](../test/bench/growth/main.ts)). ${date.toISOString().slice(0, 10)}, ${machine()}, Node ${process.version}. Each figure is one run; memory is the
most that all processes of an act had resident.

## A database of 1, 4 and 16 times the size
The database of [the benchmarks](benchmarks.md) at ${base}, ${base * 4} and ${base * 16} of its size, with the same kind of day. Columns are multiples.

${databaseTables(databases)}

${peaks(databases)}

A snapshot of an unchanged or little changed database reads the keys and what is newer than the parent; bytes stored follow the change. What a database keeps
alive in memory is bounded by windows (chunks in work, one block of each level of a tree, packs being written); what waits to be collected beside it is not.

## ${count(line.snapshots)} snapshots in one line
1,000 small files, of which one changes before each snapshot; all in one process.

| | snapshots 2 to 11 | the last ten |
| --- | ---: | ---: |
| time of one, ms | ${line.earlyMs.toFixed(0)} | ${line.lateMs.toFixed(0)} |
| stored by one, kB | ${(line.earlyBytes / 1e3).toFixed(1)} | ${(line.lateBytes / 1e3).toFixed(1)} |

Of that the transparency log takes ${(line.logBytes / line.snapshots / 1e3).toFixed(1)} kB a snapshot. Peak memory ${mega(line.peakBytes, 0)} MB.

## ${count(tree.files)} files
Simulated: the entries and their contents (200 bytes each, all different) are made up while they are read, nothing of them is on disk; the tree, the chunks, the packs, the
index and the memory of files are real. So reading folders and files, which an operating system does at its own speed, is not in these times.

| | seconds | stored MB | peak MB |
| --- | ---: | ---: | ---: |
${([['first snapshot', tree.first], ['nothing changed', tree.unchanged], ['1 in 1,000 changed', tree.changed]] as const).map(([name, { ms, storedBytes, peakBytes }]) => `| ${name} | ${(ms / 1e3).toFixed(1)} | ${mega(storedBytes, 2)} | ${mega(peakBytes, 0)} |`).join('\n')}

What the host remembers of their state takes ${mega(tree.memoryBytes, 0)} MB outside of the repository. Memory grows little with the number of files: a first snapshot of the 8,410 of [the benchmarks](benchmarks.md) takes about 220 MB.

## ${count(index.chunks)} chunks in the index
Simulated: segments that list packs which do not exist, taken into the Level database that each host keeps as its cache.

| | |
| --- | ---: |
| taking all segments in (a lost cache), s | ${(index.fill.ms / 1e3).toFixed(1)} |
| peak memory meanwhile, MB | ${mega(index.fill.peakBytes, 0)} |
| segments in the repository, bytes a chunk | ${(index.fill.segmentBytes / index.chunks).toFixed(0)} |
| cache on the host, bytes a chunk | ${(index.cacheBytes / index.chunks).toFixed(0)} |
| opening it, ms | ${index.find.openMs.toFixed(0)} |
| lookups a second, of what is there | ${count(Math.round(index.find.presentRate))} |
| lookups a second, of what is not | ${count(Math.round(index.find.absentRate))} |
| peak memory of a process that looks up, MB | ${mega(index.find.peakBytes, 0)} |

## What larger ones need
**Computed, not measured**: straight lines through the figures above, for databases like the benchmark's.

${extrapolation(databases.at(-1)!, line, index)}

- Of time, what a first snapshot takes grows with the rows; what an unchanged one takes grows with the keys, which are read in full.
- An index segment lists up to 16,384 blobs; those that snapshots write list fewer, until \`caf gc\` merges them. A host with an empty cache reads all segments once; later ones read only what is new.
- A snapshot without changes adds what a log entry takes; 100 projects in 100 repositories share nothing, and need 100 times the row of one. In one repository
  (\`--project\`) they share chunks, index and log, and each of their snapshots waits its turn in the log.
- A repository on one disk holds packs of 8 MiB: 10 TB of rows are four hundred thousand files, in 256 folders.
`
}

const ACTS = ['first snapshot', 'nothing changed', 'after a day', 'restore all', 'verify all data', 'forget the first, gc']

function databaseTables (databases: readonly DatabaseGrowth[]): string {
  const header = ['', ...databases.map(({ times, rowBytes }) => `× ${times} (${mega(rowBytes, 0)} MB)`)]
  const quantities = [
    { name: 'Seconds', text: ({ wallMs }: { wallMs: number }) => (wallMs / 1e3).toFixed(2) },
    { name: 'Peak MB', text: ({ peakBytes }: { peakBytes: number }) => mega(peakBytes, 0) },
    { name: 'MB stored', text: ({ addedBytes }: { addedBytes: number }) => mega(addedBytes, 2) },
  ]
  return quantities.map(({ name, text }) => `**${name}**\n\n${markdownTable(header, ACTS.map(act => [act, ...databases.map(({ acts }) => text(acts.get(act)!))]), { textColumns: 1 })}`).join('\n\n')
}

/** The target: at four times the data the same memory, give or take a tenth. */
function peaks (databases: readonly DatabaseGrowth[]): string {
  const [one, ...more] = databases.map(({ times, acts }) => ({ times, most: Math.max(...[...acts.values()].map(({ peakBytes }) => peakBytes)) }))
  const parts = more.map(({ times, most }) => `${(most / one!.most).toFixed(2)} of it at × ${times}`)
  return `The most that any act needs is ${mega(one!.most, 0)} MB at × 1, and ${parts.join(', ')}; the target is 1.10 at most at × 4.`
}

const TERABYTE = 1e12
/** Plain bytes of an average chunk of rows. */
const CHUNK = 131_072
const PACK = 8 * 2 ** 20
const SEGMENT = 16_384

function extrapolation ({ rowBytes, packBytes }: DatabaseGrowth, line: LineGrowth, index: IndexGrowth): string {
  const rows = ([['1 TB of rows', TERABYTE, 1], ['10 TB of rows', 10 * TERABYTE, 1], ['100 projects of 10 GB', 10e9, 100]] as const).map(([name, bytes, repositories]) => {
    const [chunks, stored] = [bytes / CHUNK, bytes * packBytes / rowBytes]
    const all = (value: number): number => value * repositories
    return [
      name, `${count(Math.round(all(stored) / 1e9))} GB`, count(Math.ceil(all(stored) / PACK)), count(Math.ceil(chunks / SEGMENT) * repositories),
      `${mega(all(chunks) * index.fill.segmentBytes / index.chunks, 0)} MB`, `${mega(all(chunks) * index.cacheBytes / index.chunks, 0)} MB`,
      `${mega(365 * repositories * line.logBytes / line.snapshots, 0)} MB`,
    ]
  })
  return markdownTable(['', 'first snapshot', 'packs of 8 MiB', 'segments, once merged', 'segments, size', 'cache of each host', 'log after a year, daily'], rows, { textColumns: 1 })
}

function mega (bytes: number, digits: number): string {
  return (bytes / 1e6).toFixed(digits)
}

function count (number: number): string {
  return number.toLocaleString('en')
}
