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
export function document ({ targets, acts }: { readonly targets: string, readonly acts: string }, { scale, rounds, date, versions, absent }: Circumstances): string {
  const megabytes = (full: number): string => `${Math.round(full * scale).toLocaleString('en')} MB`
  return `# Benchmarks

${scale === 1 ? '' : `**This run is at ${scale} of the full size: times are mostly those of starting.** `}${date.toISOString().slice(0, 10)}, ${machine()}.
${versions.join('; ')}.${absent.map(line => `\nNot measured: ${line}.`).join('')}

To repeat it: \`apt-get install restic borgbackup postgresql-client curl\`, then \`npm run bench -- --write\` on a machine that does nothing else; what it does is in
[test/bench](../test/bench/bench.ts). How cost grows with size: [scale.md](scale.md).

![Bars of the main results](benchmarks.svg)

## Targets
Each is compared within this run. The best peer of a line is whichever of the others did best at it; what has no peer here is left empty.

${targets}

## What is measured
- **Database**: about ${megabytes(860)} as COPY text: users, facts with text and a \`real[16]\`, edges, sessions as \`jsonb\`, with indexes and foreign keys. **Files**: about ${megabytes(500)}. **Qdrant**: about ${megabytes(90)} of vectors in two collections.
- **A day**: 1 % of the facts revised here and there, 1 % new, 0.2 % deleted with their edges, 2 % of the sessions continued, 0.5 % more edges; 1 % of the files touched; 2 % of the points changed.
- Each act is a process of its own, with an own repository in a temporary folder. Contenders take turns at each act; numbers are medians of ${rounds} round${rounds === 1 ? '' : 's'}, each with new repositories.
- restic and borg get pg_dump's plain text through stdin, and Qdrant's own snapshots through curl; borg compresses with zstd 3, restic and pg_dump as they do by default, ours with zstd 2 for rows and 4 for files. Both encrypt: compare their times with \`caf-sealed\`. For one table out of it the whole text is read and cut; neither that nor \`pg_restore --table\` brings its indexes back, ours does.
- pg_dump writes whole dumps each time: one file (\`-Fc\`), by two processes (\`-Fd -j2\`), and by two without compression (\`-Z0\`); \`pg_restore -j2\` reads each. The last is a peer at restores alone: it is kept in three times the space, and its other lines stand there for comparison.
- **CPU s** is user and system time of all the contender's processes, pg_dump, psql and curl included; **server CPU s** that of PostgreSQL meanwhile. **peak MB** is the most resident memory of all its processes at one time. **stored MB** is by how much the repository grew (an archive: its length), caches of the host left out.
- **server read MB** are pages that PostgreSQL looked at; **server sent MB** what it sent over its connections: counted by a proxy in one more round, which is not timed.
- **MB/s** is how much of the rows as COPY text, or of the files, went through in a second, whether it was stored anew or not.
- **× best peer** is how many times as much as the best of the others it takes: under 1 does better than all of them.
- One of ten snapshots of the files is forgotten (with \`--quick\`, of four).
- Every restored database is compared with the source. PostgreSQL runs without fsync, for all alike; ours, restic and borg write as they do by default.

## Results
${acts}`
}
