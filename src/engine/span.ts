import { SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Span } from '@opentelemetry/api'

export type ActSpan = Pick<Span, 'setAttributes'>

/** Runs `act` within a span of OpenTelemetry: costs nothing unless the application has set up an SDK. */
export async function inSpan<T> (name: string, attributes: Attributes, act: (span: ActSpan) => Promise<T>): Promise<T> {
  return await trace.getTracer('caf').startActiveSpan(name, { attributes }, async span => {
    try {
      return await act(span)
    } catch (error) {
      markFailed(span, error)
      throw error
    } finally {
      span.end()
    }
  })
}

/** As {@link inSpan}, for what yields: the span ends when the iteration does, also early. */
export async function * iterateInSpan<T, R> (name: string, attributes: Attributes, act: (span: ActSpan) => AsyncGenerator<T, R>): AsyncGenerator<T, R> {
  const span = trace.getTracer('caf').startSpan(name, { attributes })
  try {
    return yield * act(span)
  } catch (error) {
    markFailed(span, error)
    throw error
  } finally {
    span.end()
  }
}

function markFailed (span: Span, error: unknown): void {
  const failure = error instanceof Error ? error : new Error(String(error))
  span.recordException(failure)
  span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message })
}
