import { cpus, totalmem, type, release } from 'node:os'

export interface Circumstances {
  readonly scale: number
  readonly rounds: number
  readonly date: Date
  readonly versions: readonly string[]
  readonly absent: readonly string[]
}

/** One line: machine and date. */
export function machine (): string {
  const [processor] = cpus()
  return `${cpus().length} × ${processor?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`
}

/** docs/benchmarks.md. */
export function document (tables: string, { scale, rounds, date, versions, absent }: Circumstances): string {
  const megabytes = (full: number): string => `${Math.round(full * scale).toLocaleString('en')} MB`
  return `# Benchmarks

Made by \`npm run bench\`; what it does is in [test/bench](../test/bench/bench.ts). ${scale === 1 ? '' : `**This run is at ${scale} of the full size: times are mostly those of starting.** `}${date.toISOString().slice(0, 10)}, ${machine()}.
${versions.join('; ')}.${absent.map(line => `\nNot measured: ${line}.`).join('')}

![Bars of the main results](benchmarks.svg)

## What is measured
- **Database**: about ${megabytes(860)} as COPY text: users, facts with text and a \`real[16]\`, edges, sessions as \`jsonb\`, with indexes and foreign keys. **Files**: about ${megabytes(500)}. **Qdrant**: about ${megabytes(90)} of vectors in two collections.
- **A day**: 1 % of the facts revised here and there, 1 % new, 0.2 % deleted with their edges, 2 % of the sessions continued, 0.5 % more edges; 1 % of the files touched; 2 % of the points changed.
- Each act is a process of its own, with an own repository in a temporary folder. Contenders take turns at each act; numbers are medians of ${rounds} round${rounds === 1 ? '' : 's'}, each with new repositories.
- restic and borg get pg_dump's plain text through stdin; borg compresses with zstd 3, as ours does, restic and pg_dump as they do by default. Both encrypt: compare their times with \`caf-sealed\`. For one table out of it the whole text is read and cut; neither that nor \`pg_restore --table\` brings its indexes back, ours does.
- **CPU s** is user and system time of all the contender's processes, pg_dump and psql included; **server CPU s** that of PostgreSQL meanwhile. **peak MB** is the most resident memory of all its processes at one time. **stored MB** is by how much the repository grew (an archive: its length), caches of the host left out. **server read MB** are pages that PostgreSQL looked at.
- **MB/s** is how much of the rows as COPY text, or of the files, went through in a second, whether it was stored anew or not.
- **× caf** is how many times as much as \`caf\` it takes: under 1 it does better than we do.
- One of ten snapshots of the files is forgotten (with \`--quick\`, of four).
- Every restored database is compared with the source. PostgreSQL runs without fsync, for all alike.

## Results
${tables}`
}
