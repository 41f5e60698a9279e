import type { Mutant } from './mutant.ts'

const CUT_POWER = 'test/fault/power-loss.test.ts'
const GARBAGE = 'test/cas/garbage.test.ts'
const RACES = 'test/cas/garbage-races.test.ts'
const DAMAGE = 'test/damaged/storage.test.ts'
const SEALED_DAMAGE = 'test/damaged/sealed-storage.test.ts'
const LOG = 'test/engine/log.test.ts'
const REMEMBERED = 'test/engine/remembered-files.test.ts'
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
  { guarantee: 1, without: 'the failed write that a flush must tell of', file: 'src/cas/pack-sink.ts', from: '    this.#freeSpare()\n    this.#check()\n', to: '    this.#freeSpare()\n', test: 'test/fault/full-disk.test.ts' },

  // 2 · Restore gives back exactly what was captured, or says exactly what it could not.
  { guarantee: 2, without: 'reading files back after writing them', file: 'src/sources/files/files-restorer.ts', from: '      await this.#verify(item, signal)\n', to: '', test: 'test/sources/files/files-restorer.test.ts' },
  { guarantee: 2, without: 'the comparison of restored PostgreSQL contents', file: 'src/sources/postgres/restore-table.ts', from: '      return content !== undefined && await this.item.matches(content, options)', to: '      return content !== undefined', test: 'test/sources/postgres/restore-new-database.test.ts' },
  { guarantee: 2, without: 'the last look whether rows that were read back are still those', file: 'src/sources/postgres/restore-table.ts', from: '    return found !== undefined && found.all === String(this.item.rows) && found.own === found.all', to: '    return found !== undefined', test: 'test/sources/postgres/restore-proof.test.ts' },
  { guarantee: 2, without: 'undoing what was prepared when a target fails', file: 'src/engine/restore.ts', from: '    await undo(repository, record, busy)\n', to: '', test: BAD_INPUT },
  { guarantee: 2, without: 'the refusal of a plan with problems', file: 'src/engine/restore.ts', from: '      refuseProblems(plan)\n', to: '', test: BAD_INPUT },

  { guarantee: 2, without: 'the time of change in the state of a file', file: 'src/sources/files/file-state.ts', from: 'mtimeNs, ctimeNs].map', to: 'mtimeNs].map', test: REMEMBERED },
  { guarantee: 2, without: 'the inode number in the state of a file', file: 'src/sources/files/file-state.ts', from: '[dev, ino, size', to: '[dev, size', test: 'test/sources/files/file-state.test.ts' },
  { guarantee: 2, without: 'reading files again that changed just before', file: 'src/sources/files/file-state.ts', from: '  if (mtimeNs >= latest || ctimeNs >= latest) return undefined\n', to: '', test: REMEMBERED },
  { guarantee: 2, without: 'forgetting files when the clock was set back', file: 'src/engine/remembered-files.ts', from: ' && before.seal.beginMs <= beginMs', to: '', test: REMEMBERED },
  { guarantee: 2, without: 'the tie of remembered files to the tree of the parent', file: 'src/engine/remembered-files.ts', from: 'before.seal.root === previous?.root.toString()', to: 'true', test: REMEMBERED },
  { guarantee: 2, without: 'the state of remembered files', file: 'src/engine/remembered-files.ts', from: 'found?.state === state ? found : undefined', to: 'found', test: REMEMBERED },
  { guarantee: 2, without: 'the digest of remembered files', file: 'src/engine/remembered-file-blocks.ts', from: 'digestOf(bytes, place).equals(digest) ? bytes.toString() : undefined', to: 'bytes.toString()', test: REMEMBERED },
  { guarantee: 2, without: 'the look whether packs of remembered files are there', file: 'src/engine/remembered-files.ts', from: 'before.seal.packs.every(pack => writer.packs.has(pack))', to: 'true', test: REMEMBERED },
  { guarantee: 2, without: 'the look whether blobs of remembered files are there', file: 'src/dag/store-files.ts', from: '      if (blobs.reuse?.(address) !== true) return false\n', to: '', test: REMEMBERED },

  // 3 · A flipped bit anywhere is detected, located, named, and never reaches a target.
  { guarantee: 3, without: 'the hash of a blob', file: 'src/cas/blob-fetcher.ts', from: '    if (decoded.address !== address) throw notItself(address, copy)\n', to: '', test: DAMAGE },
  { guarantee: 3, without: 'the hash of a blob of which all is verified', file: 'src/cas/blob-fetcher.ts', from: '    if (actual !== address) throw notItself(address, copy)\n', to: '', test: DAMAGE },
  { guarantee: 3, without: 'the checksum of records', file: 'src/cas/record.ts', from: 'checksum === undefined || checksum !== checksumOrNone(members)', to: 'checksum === undefined', test: DAMAGE },
  { guarantee: 3, without: 'the hash of index segments', file: 'src/cas/segment.ts', from: ' || !sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))', to: '', test: DAMAGE },
  { guarantee: 3, without: 'the canonical form of blocks', file: 'src/dag/block.ts', from: 'Buffer.compare(bytes, again) !== 0', to: 'false', test: 'test/dag/block.test.ts' },
  { guarantee: 3, without: 'the seal of archives', file: 'src/caf/archive-reader.ts', from: '    await checkSeal(file.file, { signal })\n', to: '', test: 'test/damaged/caf-flipped-bytes.test.ts' },

  // 4 · GC never removes anything reachable.
  { guarantee: 4, without: 'waiting for sessions', file: 'src/cas/garbage-apply.ts', from: '  await waitForSessions(backend, { now: () => repository.now(), signal, ...(pollMs && { pollMs }), ...(onWait && { onWait }) })\n', to: '', test: GARBAGE },
  { guarantee: 4, without: 'one final for all collectors', file: 'src/cas/garbage-apply.ts', from: '  if (other === undefined) throw corrupt', to: '  if (other !== undefined) return final\n  if (other === undefined) throw corrupt', test: RACES },
  { guarantee: 4, without: 'the refusal of planned packs by new writers', file: 'src/cas/reusable-copies.ts', from: ' || planned.has(name)', to: '', test: GARBAGE },
  { guarantee: 4, without: 'the bases of deltas in packs that stay', file: 'src/cas/evacuation.ts', from: '      for (const { base } of blobs) if (base !== undefined) held.add(base)\n', to: '', test: GARBAGE },
  { guarantee: 4, without: 'open readers as roots', file: 'src/cas/roots.ts', from: '      if (commit !== undefined) roots.push(', to: '      if (commit === null) roots.push(', test: GARBAGE },
  { guarantee: 4, without: 'the second look at the roots', file: 'src/cas/roots.ts', from: '[...before, ...after].map(', to: 'before.map(', test: RACES },
  { guarantee: 4, without: 'marking again after the sessions have ended', file: 'src/cas/garbage-apply.ts', from: '  const { signal, pollMs, onWait } = options\n  await waitForSessions(', to: '  const { signal, pollMs, onWait } = options\n  const early = await Array.fromAsync(options.mark(await repository.roots()))\n  options = { ...options, mark: async function * () { yield * early } }\n  await waitForSessions(', test: GARBAGE },
  { guarantee: 4, without: 'the look whether the copy that stays is intact', file: 'src/cas/evacuation.ts', from: '        if (await this.#isIntact(address, copy)) wanted', to: '        wanted', test: GARBAGE },
  { guarantee: 4, without: 'the refusal to run beside a loss', file: 'src/cas/garbage-plan.ts', from: '    if (marked.add(address)) await checkListed(repository, address)', to: '    marked.add(address)', test: GARBAGE },

  // 5 · Memory does not grow with the size of the data.
  { guarantee: 5, without: 'back-pressure of pack writes', file: 'src/cas/writer-session.ts', from: '    await sink.room()\n', to: '', test: 'test/engine/memory.test.ts' },

  // 6 · Without the key nothing sensitive can be read; a tampered archive, manifest, log or pack is refused; a silently deleted snapshot shows.
  { guarantee: 6, without: 'the tag of sealed segments', file: 'src/cas/object-cipher.ts', from: '      decipher.final()\n', to: '', test: SEALED_DAMAGE },
  { guarantee: 6, without: 'the binding of sealed objects to their names', file: 'src/cas/object-cipher.ts', from: 'Buffer.concat([Buffer.from(storageKey), Buffer.from([0]), head])', to: 'Buffer.concat([Buffer.from([0]), head])', test: SEALED_DAMAGE },
  { guarantee: 6, without: 'a key of its own for each object', file: 'src/cas/object-cipher.ts', from: 'hkdfSync(\'sha256\', bytes, salt,', to: 'hkdfSync(\'sha256\', bytes, Buffer.alloc(32),', test: 'test/cas/sealed-backend.test.ts' },
  { guarantee: 6, without: 'padding', file: 'src/cas/padme.ts', from: 'return unit <= 1 ? length', to: 'return unit > 0 ? length', test: 'test/cas/sealed-repository.test.ts' },
  { guarantee: 6, without: 'shuffled packs', file: 'src/cas/repository.ts', from: 'shuffle: this.#isSealed ? ', to: 'shuffle: this.#isSealed && false ? ', test: 'test/cas/sealed-repository.test.ts' },
  { guarantee: 6, without: 'the refusal of weak secrets', file: 'src/trust/keys/slots.ts', from: "  if ('secret' in owner) checkSecret(owner.secret)\n", to: '', test: 'test/trust/keys' },
  { guarantee: 6, without: 'the memory of the newest checkpoint', file: 'src/trust/log/log.ts', from: '    await this.#checkPin(newest ?? NO_LEAVES, pinned, options)\n    if (newest !== undefined)', to: '    if (newest !== undefined)', test: LOG },
  { guarantee: 6, without: 'the look for vanished commit records', file: 'src/trust/log/check-records.ts', from: "  if (state === 'committed' && (outcome === undefined || outcome === 'none')) {", to: "  if (state === 'abandoned' && outcome === undefined) {", test: LOG },
  { guarantee: 6, without: 'the look for commit records made up', file: 'src/trust/log/check-records.ts', from: 'if (complete && !accounts.has(id))', to: 'if (false && !accounts.has(id))', test: LOG },
  { guarantee: 6, without: 'the comparison of roots with the log', file: 'src/trust/log/check-records.ts', from: 'if (root !== undefined && outcome.root !== root)', to: 'if (root === null)', test: LOG },
  { guarantee: 6, without: 'blinded leaves', file: 'src/trust/log/log.ts', from: 'blind: this.#random(32)', to: 'blind: Buffer.alloc(32)', test: 'test/trust/log' },
  { guarantee: 6, without: 'the signature of checkpoints', file: 'src/trust/log/checkpoint.ts', from: 'if (signersOf(parsed, [log]).length === 0) throw', to: 'if (signersOf(parsed, [log]).length < 0) throw', test: 'test/trust/log/signed-note.test.ts' },
  { guarantee: 6, without: 'the path of an inclusion proof', file: 'src/trust/log/tlog-proof.ts', from: 'if (!verifyInclusion(', to: 'if (false && !verifyInclusion(', test: 'test/trust/log/tlog-proof.test.ts' },
  { guarantee: 6, without: 'consistency before a witness cosigns', file: 'src/trust/witness/witness.ts', from: 'if (!verifyConsistency(from, checkpoint, proof)) return', to: 'if (false) return', test: 'test/trust/witness.test.ts' },
  { guarantee: 6, without: 'looking at the snapshot before a witness cosigns', file: 'src/trust/witness/witness.ts', from: "  if ('refusal' in inspection) return refuse(422, inspection.refusal)", to: "  if ('refusal' in inspection) return await this.#cosign(request, log, position, known)", test: 'test/trust/witness.test.ts' },
  { guarantee: 6, without: "the check of a validator's cosignature", file: 'src/trust/quorum.ts', from: 'return time !== undefined && time > 0 ? said', to: 'return true ? said', test: 'test/trust/quorum.test.ts' },
  { guarantee: 6, without: 'one vote for each key', file: 'src/trust/policy/policy.ts', from: 'const votes = new Set(cosigners.map(voteOf))', to: 'const votes = new Set(cosigners.map(key => key.name))', test: 'test/trust' },
  { guarantee: 6, without: 'the quorum', file: 'src/engine/consensus.ts', from: 'if (result.reached) return', to: 'if (result.verdicts.length > 0) return', test: 'test/trust/consensus.test.ts' },
  { guarantee: 6, without: 'the comparison of an archive with its proof', file: 'src/engine/archive-origin.ts', from: "if (opening.kind !== 'snapshot' || opening.root !== root) {", to: "if (opening.kind !== 'snapshot') {", test: 'test/engine/archive-origin.test.ts' },
  { guarantee: 6, without: 'the list of an encrypted archive', file: 'src/caf/encrypted-archive.ts', from: '  checkArchiveEnvelope(envelope)\n', to: '', test: 'test/damaged/caf-encrypted.test.ts' },
  { guarantee: 6, without: 'the limit of work that an archive may ask for', file: 'src/caf/age-keys.ts', from: '  decrypter.addIdentity(workLimit(MAX_WORK_FACTOR, tooMuchWork))\n', to: '', test: 'test/caf/age-file.test.ts' },

  // 7 · Bad input gets one clear error and changes nothing.
  { guarantee: 7, without: 'the check of paths in archives', file: 'src/caf/entry-path.ts', from: "  if (parts.includes('..') || parts.includes('.')) return 'has a part . or ..'\n", to: '', test: 'test/caf/entry-path.test.ts' },
  { guarantee: 7, without: 'refusing two sources of one name', file: 'src/engine/snapshot.ts', from: '  if (twice !== undefined) throw', to: '  if (twice === null) throw', test: BAD_INPUT },
  { guarantee: 7, without: 'discarding the writer when a source fails', file: 'src/engine/snapshot.ts', from: '    await writer.discard()', to: '    await Promise.resolve(writer)', test: BAD_INPUT },
]
