/**
 * What the programs of the pipeline send to each other: always one frame.
 */
import { Message } from "@effect-zmq/core"
import { Schema } from "effect"
import { integer } from "../messages.ts"

/** Tells the sink that a batch of tasks begins: `0`. */
export const Start = Message.frame(Message.Utf8.pipe(Schema.decodeTo(Schema.Literal("0"))))

/** A task: how many milliseconds it takes, 1 to 100, as a decimal number. */
export const Task = Message.frame(Message.Utf8.pipe(Schema.decodeTo(integer(1, 100))))

/** A task is done: an empty frame. */
export const Result = Message.frame(Message.Utf8.pipe(Schema.decodeTo(Schema.Literal(""))))

/** Tells the workers to stop: `KILL`. */
export const Kill = Message.frame(Message.Utf8.pipe(Schema.decodeTo(Schema.Literal("KILL"))))
