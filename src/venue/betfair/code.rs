//! The codes by which Betfair says what went wrong. Each list is open: a code that is not known here is kept as it came.

/// Defines an open list of codes, each written as its text.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $text] $variant,)*
            /// A code that is not known here.
            Other(Box<str>),
        }

        impl $name {
            /// All that are known, in the venue's order.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)*];

            /// As the venue writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(Self::from(&*text))
            }
        }
    };
}

codes! {
    /// Why the betting API refused a request as a whole, numbered from 1 in this order.
    ApiCode {
        TooMuchData = "TOO_MUCH_DATA",
        InvalidInputData = "INVALID_INPUT_DATA",
        InvalidSession = "INVALID_SESSION_INFORMATION",
        NoAppKey = "NO_APP_KEY",
        NoSession = "NO_SESSION",
        UnexpectedError = "UNEXPECTED_ERROR",
        InvalidAppKey = "INVALID_APP_KEY",
        TooManyRequests = "TOO_MANY_REQUESTS",
        ServiceBusy = "SERVICE_BUSY",
        TimeoutError = "TIMEOUT_ERROR",
        AppKeyCreationFailed = "APP_KEY_CREATION_FAILED",
        DuplicateAppName = "DUPLICATE_APP_NAME",
        AppCreationFailed = "APP_CREATION_FAILED",
        RequestTooLarge = "REQUEST_SIZE_EXCEEDS_LIMIT",
        AccessDenied = "ACCESS_DENIED",
        InvalidMarketGroup = "INVALID_MARKET_GROUP",
        ExposureLimitNotExist = "EXPOSURE_LIMIT_NOT_EXIST",
        MarketGroupNotBlocked = "MARKET_GROUP_NOT_BLOCKED",
    }
}

codes! {
    /// Why a whole request about bets was refused, or one instruction of it. The venue uses two lists, but sends codes of
    /// either in both places.
    BetCode {
        ErrorInMatcher = "ERROR_IN_MATCHER",
        ProcessedWithErrors = "PROCESSED_WITH_ERRORS",
        BetActionError = "BET_ACTION_ERROR",
        InvalidAccountState = "INVALID_ACCOUNT_STATE",
        InvalidWalletStatus = "INVALID_WALLET_STATUS",
        InsufficientFunds = "INSUFFICIENT_FUNDS",
        LossLimitExceeded = "LOSS_LIMIT_EXCEEDED",
        MarketSuspended = "MARKET_SUSPENDED",
        MarketNotOpen = "MARKET_NOT_OPEN_FOR_BETTING",
        DuplicateTransaction = "DUPLICATE_TRANSACTION",
        InvalidOrder = "INVALID_ORDER",
        InvalidMarketId = "INVALID_MARKET_ID",
        PermissionDenied = "PERMISSION_DENIED",
        DuplicateBetIds = "DUPLICATE_BETIDS",
        NoActionRequired = "NO_ACTION_REQUIRED",
        ServiceUnavailable = "SERVICE_UNAVAILABLE",
        RejectedByRegulator = "REJECTED_BY_REGULATOR",
        TooManyInstructions = "TOO_MANY_INSTRUCTIONS",
        InvalidMarketVersion = "INVALID_MARKET_VERSION",
        InvalidProfitRatio = "INVALID_PROFIT_RATIO",
        InvalidBetSize = "INVALID_BET_SIZE",
        InvalidRunner = "INVALID_RUNNER",
        BetTakenOrLapsed = "BET_TAKEN_OR_LAPSED",
        BetInProgress = "BET_IN_PROGRESS",
        RunnerRemoved = "RUNNER_REMOVED",
        MarketNotOpenForBsp = "MARKET_NOT_OPEN_FOR_BSP_BETTING",
        InvalidPriceEdit = "INVALID_PRICE_EDIT",
        InvalidOdds = "INVALID_ODDS",
        InvalidPersistence = "INVALID_PERSISTENCE_TYPE",
        ErrorInOrder = "ERROR_IN_ORDER",
        InvalidBidType = "INVALID_BID_TYPE",
        InvalidBetId = "INVALID_BET_ID",
        CancelledNotPlaced = "CANCELLED_NOT_PLACED",
        RelatedActionFailed = "RELATED_ACTION_FAILED",
        InvalidMinFillSize = "INVALID_MIN_FILL_SIZE",
        UnexpectedMinFillSize = "UNEXPECTED_MIN_FILL_SIZE",
        InvalidCustomerOrderRef = "INVALID_CUSTOMER_ORDER_REF",
        InvalidCustomerStrategyRef = "INVALID_CUSTOMER_STRATEGY_REF",
        TimeInForceConflict = "TIME_IN_FORCE_CONFLICT",
        UnexpectedPersistence = "UNEXPECTED_PERSISTENCE_TYPE",
        InvalidOrderType = "INVALID_ORDER_TYPE",
        PriceImprovementTooLarge = "BET_LAPSED_PRICE_IMPROVEMENT_TOO_LARGE",
    }
}

codes! {
    /// Why the stream refused a request.
    StreamCode {
        InvalidInput = "INVALID_INPUT",
        InvalidRequest = "INVALID_REQUEST",
        Timeout = "TIMEOUT",
        NoAppKey = "NO_APP_KEY",
        InvalidAppKey = "INVALID_APP_KEY",
        NoSession = "NO_SESSION",
        InvalidSession = "INVALID_SESSION_INFORMATION",
        NotAuthorized = "NOT_AUTHORIZED",
        MaxConnections = "MAX_CONNECTION_LIMIT_EXCEEDED",
        TooManyRequests = "TOO_MANY_REQUESTS",
        SubscriptionLimit = "SUBSCRIPTION_LIMIT_EXCEEDED",
        InvalidClock = "INVALID_CLOCK",
        UnexpectedError = "UNEXPECTED_ERROR",
        ConnectionFailed = "CONNECTION_FAILED",
    }
}

impl ApiCode {
    /// Its number: `ANGX-0003` is the third.
    #[must_use]
    pub fn number(&self) -> usize {
        let at = Self::KNOWN.iter().position(|known| known == self);
        at.map_or(6, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_an_unknown_one_is_kept() {
        for code in BetCode::KNOWN {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(&serde_json::from_str::<BetCode>(&text).unwrap(), code);
        }
        let new: BetCode = serde_json::from_str("\"BET_ON_THE_MOON\"").unwrap();
        assert_eq!(new, BetCode::Other("BET_ON_THE_MOON".into()));
        assert_eq!(new.as_str(), "BET_ON_THE_MOON");
    }

    #[test]
    fn api_codes_are_numbered_as_the_venue_does() {
        assert_eq!(ApiCode::InvalidSession.number(), 3);
        assert_eq!(ApiCode::from("ACCESS_DENIED").number(), 15);
    }
}
