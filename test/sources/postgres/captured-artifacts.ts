import type { Artifact, ArtifactKind, CaptureSummary, RowLayout, Source } from '../../../src/sources/source.ts'

/** An artifact read whole: all of it that another capture must have too. */
export interface CapturedArtifact {
  readonly kind: ArtifactKind
  readonly deps: readonly string[]
  readonly attributes: Artifact['attributes']
  readonly layout: RowLayout | undefined
  readonly text: string
}

export interface Captured {
  /** By id, in the order in which they came. */
  readonly artifacts: ReadonlyMap<string, CapturedArtifact>
  readonly summary: CaptureSummary
}

/** Captures a database whose contents are text, and holds it in memory. */
export async function captured (source: Source): Promise<Captured> {
  const capture = await source.capture()
  try {
    const artifacts = new Map<string, CapturedArtifact>()
    for await (const artifact of capture.artifacts()) artifacts.set(artifact.id, await readWhole(artifact))
    return { artifacts, summary: await capture.finish() }
  } finally {
    await capture.close()
  }
}

async function readWhole ({ id, kind, deps, attributes, content }: Artifact): Promise<CapturedArtifact> {
  if (content.form === 'files') throw new Error(`${id} is a folder tree`)
  const pieces = await Array.fromAsync(content.read(), piece => Buffer.from(piece))
  return { kind, deps, attributes, layout: content.form === 'rows' ? content.layout : undefined, text: Buffer.concat(pieces).toString() }
}

/** Lines of COPY text. */
export function linesOf (text: string | undefined): string[] {
  return (text ?? '').split('\n').slice(0, -1)
}
