import type { Mutant } from './mutant.ts'

const CUT_POWER = 'test/fault/power-loss.test.ts'
const GARBAGE = 'test/cas/garbage.test.ts'
const RACES = 'test/cas/garbage-races.test.ts'
const DAMAGE = 'test/damaged/storage.test.ts'
const BAD_INPUT = 'test/engine/bad-input.test.ts'

/** What holds the guarantees up; every one of these edits must turn a test red. */
export const MUTANTS: readonly Mutant[] = [
  // 1 · A snapshot reported as created survives kill -9, power loss, a full disk and a lost Level folder.
  { guarantee: 1, without: 'fsync of files', file: 'src/storage/durable-file.ts', from: '    await handle.sync()\n  } finally {\n    await handle.close()\n  }\n}\n\nasync function place ', to: '  } finally {\n    await handle.close()\n  }\n}\n\nasync function place ', test: CUT_POWER },
  { guarantee: 1, without: 'fsync of folders', file: 'src/storage/durable-file.ts', from: '    await syncFolder(folder)\n', to: '', test: CUT_POWER },
  { guarantee: 1, without: 'packs and index before the commit record', file: 'src/cas/writer-session.ts', from: '    await this.flush({ signal })\n    const { session', to: '    const { session', test: 'test/cas/writer-session.test.ts' },
  { guarantee: 1, without: 'packs before their index segment', file: 'src/cas/pack-sink.ts', from: '    await this.#writes.onIdle()\n    this.#index()', to: '    this.#index()', test: 'test/cas/writer-session.test.ts' },
  { guarantee: 1, without: 'whole objects only: the temporary name', file: 'src/storage/durable-file.ts', from: 'const temporary = join(folder, temporaryName())', to: "const temporary = join(folder, 'object')", test: 'test/storage' },
  { guarantee: 1, without: 'a second look when the cache of the index is wrong', file: 'src/cas/repository.ts', from: '    await this.rebuildOnce()\n    return await this.fetcher', to: '    return await this.fetcher', test: 'test/cas/level-index.test.ts' },
  { guarantee: 1, without: 'the failed write that a flush must tell of', file: 'src/cas/pack-sink.ts', from: '    await this.#indexing\n    this.#check()\n', to: '    await this.#indexing\n', test: 'test/fault/full-disk.test.ts' },

  // 2 · Restore gives back exactly what was captured, or says exactly what it could not.
  { guarantee: 2, without: 'reading files back after writing them', file: 'src/sources/files/files-restorer.ts', from: '      await this.#verify(item, signal)\n', to: '', test: 'test/sources/files/files-restorer.test.ts' },
  { guarantee: 2, without: 'the comparison of restored PostgreSQL contents', file: 'src/sources/postgres/restore-comparison.ts', from: '  return artifact !== undefined && await item.matches(artifact.content, { signal: options.signal })', to: '  return artifact !== undefined', test: 'test/sources/postgres/restore-new-database.test.ts' },
  { guarantee: 2, without: 'undoing what was prepared when a target fails', file: 'src/engine/restore.ts', from: '    await undo(repository, record, busy)\n', to: '', test: BAD_INPUT },
  { guarantee: 2, without: 'the refusal of a plan with problems', file: 'src/engine/restore.ts', from: '      refuseProblems(plan)\n', to: '', test: BAD_INPUT },

  // 3 · A flipped bit anywhere is detected, located, named, and never reaches a target.
  { guarantee: 3, without: 'the hash of a blob', file: 'src/cas/blob-fetcher.ts', from: "    if (addressOf(bytes) !== address) throw blobCorrupt(address, copy, 'its bytes do not hash to its address')\n", to: '', test: DAMAGE },
  { guarantee: 3, without: 'the checksum of records', file: 'src/cas/record.ts', from: 'checksum !== checksumOf(members)', to: 'checksum === undefined', test: DAMAGE },
  { guarantee: 3, without: 'the hash of index segments', file: 'src/cas/segment.ts', from: ' || !sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))', to: '', test: DAMAGE },
  { guarantee: 3, without: 'the canonical form of blocks', file: 'src/dag/block.ts', from: 'Buffer.compare(bytes, again) !== 0', to: 'false', test: 'test/dag/block.test.ts' },
  { guarantee: 3, without: 'the seal of archives', file: 'src/caf/archive-reader.ts', from: '    await checkSeal(this.path, this.#zip.sizeBytes, { signal })\n', to: '', test: 'test/damaged/caf-flipped-bytes.test.ts' },

  // 4 · GC never removes anything reachable.
  { guarantee: 4, without: 'waiting for sessions', file: 'src/cas/garbage-apply.ts', from: '  await waitForSessions(backend, { now: () => repository.now(), signal, ...(pollMs && { pollMs }), ...(onWait && { onWait }) })\n', to: '', test: GARBAGE },
  { guarantee: 4, without: 'one final for all collectors', file: 'src/cas/garbage-apply.ts', from: '  if (other === undefined) throw corrupt', to: '  if (other !== undefined) return final\n  if (other === undefined) throw corrupt', test: RACES },
  { guarantee: 4, without: 'the refusal of planned packs by new writers', file: 'src/cas/reusable-copies.ts', from: ' && !planned.has(name)', to: '', test: GARBAGE },
  { guarantee: 4, without: 'the bases of deltas in packs that stay', file: 'src/cas/evacuation.ts', from: '      for (const { base } of blobs) if (base !== undefined) held.add(base)\n', to: '', test: GARBAGE },
  { guarantee: 4, without: 'open readers as roots', file: 'src/cas/roots.ts', from: '      if (commit !== undefined) roots.set(id', to: '      if (commit === null) roots.set(id', test: GARBAGE },
  { guarantee: 4, without: 'the look whether the copy that stays is intact', file: 'src/cas/evacuation.ts', from: '        if (await this.#isIntact(address, copy)) wanted', to: '        wanted', test: GARBAGE },
  { guarantee: 4, without: 'the refusal to run beside a loss', file: 'src/cas/garbage-plan.ts', from: '    if (needed.add(address)) await checkListed(repository, address)', to: '    needed.add(address)', test: GARBAGE },

  // 5 · Memory does not grow with the size of the data.
  { guarantee: 5, without: 'back-pressure of pack writes', file: 'src/cas/writer-session.ts', from: '    await sink.room()\n', to: '', test: 'test/engine/memory.test.ts' },

  // 7 · Bad input gets one clear error and changes nothing.
  { guarantee: 7, without: 'the check of paths in archives', file: 'src/caf/entry-path.ts', from: "  if (parts.includes('..') || parts.includes('.')) return 'has a part . or ..'\n", to: '', test: 'test/caf/entry-path.test.ts' },
  { guarantee: 7, without: 'refusing two sources of one name', file: 'src/engine/snapshot.ts', from: '  if (twice !== undefined) throw', to: '  if (twice === null) throw', test: BAD_INPUT },
  { guarantee: 7, without: 'discarding the writer when a source fails', file: 'src/engine/snapshot.ts', from: '    await writer.discard()', to: '    await Promise.resolve(writer)', test: BAD_INPUT },
]
