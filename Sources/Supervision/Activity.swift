/// A pool's workers, counted by their state at one moment.
public struct Activity: Sendable, Hashable {
  /// Workers that get on with a unit, or wait for something outside as part of it.
  public var busy = 0
  /// Workers that have no unit, and workers whose unit's input has not all come yet.
  public var waiting = 0
  /// Workers that wait for room: the next stage has not taken their output yet.
  public var blocked = 0

  /// Makes a count with no worker in any state.
  public init() {}
}
