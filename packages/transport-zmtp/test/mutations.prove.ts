import "./mutations.test.ts"
