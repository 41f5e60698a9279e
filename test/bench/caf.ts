import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contender.ts'

const ROOT = new URL('../../', import.meta.url)
const PACKAGE = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string, bin: { caf: string } }
const MAIN = buildCaf()

const CAF = `"${process.execPath}" $CAF_NODE_OPTIONS "${MAIN}" --repository "$STORE" --progress none`
const FROM_DATABASE = '--postgres-url "postgres://$PGUSER@$PGHOST:$PGPORT/$PGDATABASE"'
const FIND = String.raw`${CAF} --json snapshots --tag "n$NUMBER" | grep -o '"id": *"[^"]*"' | head -n 1 | cut -d '"' -f 4`

/** Our command line, as it is installed; `sealed` with a repository that only a secret opens. A CPU profile of each process is put into the folder `profiles`. */
export function caf ({ sealed, profiles }: { readonly sealed: boolean, readonly profiles?: string | undefined }): Contender {
  return {
    name: sealed ? 'caf-sealed' : 'caf',
    version: `caf ${PACKAGE.version}, Node ${process.version}`,
    env: {
      CAF_NODE_OPTIONS: profiles === undefined ? '' : `--cpu-prof --cpu-prof-dir=${profiles}`,
      ...sealed ? { CAF_SECRET: 'c2VjcmV0IG9mIHRoZSBiZW5jaG1hcmssIDMyIGJ5dGVzIG9yIG1vcmU1' } : {},
    },
    init: `${CAF} init ${sealed ? '--sealed' : ''}`,
    ...sealed ? {} : { start: `${CAF} --version` },
    list: `${CAF} snapshots`,
    snapshotDatabase: `${CAF} ${FROM_DATABASE} snapshot`,
    restoreDatabase: `${CAF} ${FROM_DATABASE} restore latest --to-database "$TARGET"`,
    restoreTable: `${CAF} ${FROM_DATABASE} restore latest --table public.ai_sessions --no-deps --to-database "$TARGET"`,
    verify: `${CAF} verify --read-data all`,
    exportArchive: `${CAF} export latest "$OUTPUT/archive.caf"`,
    snapshotFiles: `${CAF} --files-folder "$FILES" snapshot --tag "n$NUMBER"`,
    restoreFiles: `${CAF} --files-folder "$FILES" restore latest --to-folder "$OUTPUT/files"`,
    findSnapshot: FIND,
    collect: `${CAF} forget "$FOUND" --yes --gc`,
    snapshotPoints: `${CAF} --qdrant-url "$QDRANT_URL" snapshot`,
    makesTarget: true,
    caches: ['metadata/level'],
  }
}

/** Builds what `bin` names, which is what users install; the sources take twice as long to start, and 30 MB more, because Node strips their types. */
function buildCaf (): string {
  execFileSync(process.execPath, ['node_modules/ts7/bin/tsc', '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' })
  return fileURLToPath(new URL(PACKAGE.bin.caf, ROOT))
}
