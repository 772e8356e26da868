/// The failure of an item or an output. Code decides by its code, its stage and ``isTransient``, never by its text.
package struct Failure: Error, Sendable, CustomStringConvertible {
  /// The code that `sluice explain` takes, by which code and ledger tell failures apart.
  package var code: ErrorCode
  /// The stage that found it.
  package var stage: Stage
  /// The fault and its remedy, in one sentence. It may hold secrets.
  package var reason: String
  /// Whether another attempt at the item may succeed.
  package var isTransient: Bool

  /// Makes a failure.
  package init(_ code: ErrorCode, _ stage: Stage, _ reason: String, isTransient: Bool = false) {
    self.code = code
    self.stage = stage
    self.reason = reason
    self.isTransient = isTransient
  }

  /// The failure that a stage's error is.
  ///
  /// - Parameter isTransient: whether another attempt may succeed, where the stage knows; else the error's own answer.
  package init(_ error: some StageError, isTransient: Bool? = nil) {
    self.init(error.errorCode, error.stage, error.description, isTransient: isTransient ?? error.isTransient)
  }

  /// The ``reason``.
  package var description: String { reason }
}

/// An error of a stage: a type for each stage or part of one, which knows its code and its stage.
package protocol StageError: Error, CustomStringConvertible {
  /// The stage that found it.
  var stage: Stage { get }
  /// The code that `sluice explain` tells more of.
  var errorCode: ErrorCode { get }
  /// Whether another attempt at the item may succeed.
  var isTransient: Bool { get }
}

extension StageError {
  /// False: no other attempt helps, unless the stage's error says otherwise.
  package var isTransient: Bool { false }
}
