import { collectGarbage, planGarbage } from '../../engine/garbage.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, Opened } from '../cli.ts'
import { counted } from '../printable.ts'

export async function preview ({ output, signal }: Cli, { repository }: Opened): Promise<void> {
  const { packs, freedBytes, removedBlobs } = await planGarbage(repository, { signal })
  await output.result({ dryRun: true, freedBytes, removedBlobs, packs }, () => {
    output.line(`would free ${formatBytes(freedBytes)}: ${counted(removedBlobs, 'blob')}, ${counted(packs.length, 'pack')} deleted or rewritten; nothing was changed`)
  })
}

export async function collect ({ output, signal, terminal }: Cli, { repository }: Opened): Promise<void> {
  const onWait = (sessions: number): void => { if (terminal.stderr.isTTY) terminal.stderr.write(`waiting for ${counted(sessions, 'session')} that began before\n`) }
  const { removed, freedBytes, packsDeleted, durationMs } = await collectGarbage(repository, { signal, onWait })
  await output.result({ dryRun: false, freedBytes, removedBlobs: removed.length, packsDeleted, durationMs }, () => {
    output.line(`freed ${formatBytes(freedBytes)}: ${counted(removed.length, 'blob')} removed, ${counted(packsDeleted, 'pack')} deleted`)
  })
}
