import { findNode } from '../../dag/node-map.ts'
import type { NodeBlock } from '../../dag/node.ts'
import { restoreItem } from '../../engine/restore-item.ts'
import { readNode, readNodes } from '../../engine/snapshot-view.ts'
import type { SnapshotView } from '../../engine/snapshot-view.ts'
import { BackupError } from '../../errors.ts'
import type { FileEntry } from '../../sources/source.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, Opened } from '../cli.ts'
import { printable, printableDate } from '../printable.ts'
import { findSnapshot } from '../snapshot-reference.ts'

type Reader = Awaited<ReturnType<Opened['repository']['openReader']>>

const TYPE_LETTERS: Readonly<Record<FileEntry['type'], string>> = { file: '-', directory: 'd', symlink: 'l', hardlink: 'h' }

export async function list (cli: Cli, reference: string, id: string | undefined): Promise<void> {
  await cli.withRepository(async opened => {
    const { repository } = opened
    const view = await findSnapshot(opened, reference)
    const reader = await repository.openReader({ snapshots: [view.id], signal: cli.signal })
    try {
      await (id === undefined ? listNodes(cli, view, reader) : listFiles(cli, await nodeOf(view, id, reader), reader, repository))
    } finally {
      await reader.close()
    }
  })
}

async function listNodes ({ output, signal }: Cli, view: SnapshotView, reader: Reader): Promise<void> {
  for await (const { node } of readNodes(view, reader)) {
    signal.throwIfAborted()
    if (output.closed) return
    const { id, artifact: kind, content, hash, deps } = node
    const rows = content.form === 'bytes' ? undefined : content.count
    await output.record({ id, kind, hash, rows, sizeBytes: content.size, deps }, () =>
      `${kind.padEnd(17)}  ${String(rows ?? '').padStart(10)}  ${formatBytes(content.size).padStart(8)}  ${printable(id)}`)
  }
}

async function nodeOf (view: SnapshotView, id: string, reader: Reader): Promise<NodeBlock> {
  const cid = await findNode(view.block.nodes, id, reader)
  if (cid === undefined) throw new BackupError('NODE_MISSING', `the snapshot has no node ${id}; \`caf ls ${view.id.slice(0, 12)}\` lists those it has`, { data: { id } })
  return await readNode(reader, cid, id)
}

async function listFiles ({ output, signal }: Cli, node: NodeBlock, reader: Reader, { config }: Opened['repository']): Promise<void> {
  if (node.content.form !== 'files') throw new BackupError('INVALID_OPTION', `${node.id} is no folder tree but ${node.artifact}`, { data: { id: node.id } })
  for await (const entry of restoreItem(node, { ...config, blobs: reader }).entries({ signal })) {
    if (output.closed) return
    const { path, type, mode, uid, gid, sizeBytes, target } = entry
    const modified = new Date(Number(entry.mtimeNs / 1_000_000n))
    await output.record({ path, type, mode: mode.toString(8), uid, gid, sizeBytes, modified: modified.toISOString(), target }, () =>
      `${TYPE_LETTERS[type]}${mode.toString(8).padStart(4, '0')}  ${formatBytes(sizeBytes).padStart(8)}  ${printableDate(modified)}  ${printable(path)}${target === undefined ? '' : ` -> ${printable(target)}`}`)
  }
}
