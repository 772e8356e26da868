/// How many of a pool's workers do what.
public struct Activity: Sendable, Hashable {
  /// They get on with a unit, or wait for something outside as part of it.
  public var busy = 0
  /// They have nothing to do, or what they work on has not all come yet.
  public var waiting = 0
  /// There is no room for what they have made.
  public var blocked = 0

  public init() {}
}
