/**
 * What travels: tasks from the ventilator to the workers, results from the workers to the sink.
 */
import { Message } from "@effect-zmq/core"
import { Schema } from "effect"

/** A part of a file: the first of three is `{ part: 0, of: 3 }`. */
const Part = { file: Schema.String, part: Schema.Int, of: Schema.Int }

/** A task: what part of what file, and, as a frame of its own, its text. After the last one comes the end. */
export const Task = Message.frames([
  Message.json(Schema.Union([Schema.TaggedStruct("Count", Part), Schema.TaggedStruct("End", {})])),
  Message.Bytes
])

/** A result: who counted what in how long, and, as a frame of its own, how often each word occurs. */
export const Result = Message.frames([
  Message.json(Schema.Struct({ ...Part, worker: Schema.Int, bytes: Schema.Int, millis: Schema.Number })),
  Message.json(Schema.ReadonlyMap(Schema.String, Schema.Int))
])
