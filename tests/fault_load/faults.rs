//! The faults of one request, drawn from a seed.

use std::time::Duration;

use crate::dice::Dice;

/// What happens to one request and its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Only so many bytes of the request are read, then the connection is cut.
    CutRequest(usize),
    /// The request is read and dropped, and the connection reset.
    LoseRequest,
    /// The connection is cut at once, and the request is delivered so much later.
    DeliverLate(Duration),
    /// It is carried out, and the connection is closed before the reply.
    LoseReply,
    /// It is carried out, and the connection is cut after so many bytes of the reply.
    CutReply(usize),
    /// It is carried out, and the reply comes so much later.
    Delay(Duration),
    /// It is carried out, and the reply comes in so many pieces, one after the other.
    Trickle(usize),
    /// It is delivered twice; the first reply comes back.
    Duplicate,
    /// It is answered so, and not carried out.
    AnswerBefore(u16),
    /// It is carried out, and answered so.
    AnswerAfter(u16),
    /// It is carried out, and nobody answers until the client gives up.
    Hang,
}

/// How many requests an outage swallows.
const OUTAGE: u64 = 70;

impl Fault {
    /// Whether the reply to what it happens to comes back whole, and says what became of it.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::None | Self::Delay(_) | Self::Trickle(_) | Self::Duplicate
        )
    }

    /// Whether nobody can tell by the reply what became of a write.
    pub(crate) fn leaves_doubt(self) -> bool {
        !self.is_harmless() && !matches!(self, Self::AnswerBefore(429))
    }

    /// The fault of one request of a client: about every third one has one, and now and then nothing
    /// comes through for a while.
    pub(crate) fn draw(seed: u64, client: u64, request: u64) -> Self {
        let mut outage = Dice::of(!seed, client, request / OUTAGE);
        if outage.below(25) == 0 {
            return Self::LoseRequest;
        }
        let mut dice = Dice::of(seed, client, request);
        let what = dice.below(1_000);
        let millis = Duration::from_millis(1 + dice.below(12));
        let bytes = usize::try_from(dice.below(160)).unwrap();
        let one_of = |statuses: &[u16], dice: &mut Dice| {
            let at = dice.below(statuses.len() as u64);
            statuses[usize::try_from(at).unwrap()]
        };
        match what {
            0..30 => Self::CutRequest(bytes),
            30..60 => Self::LoseRequest,
            60..90 => Self::DeliverLate(millis),
            90..130 => Self::LoseReply,
            130..160 => Self::CutReply(bytes),
            160..200 => Self::Delay(millis),
            200..230 => Self::Trickle(2 + bytes % 7),
            230..260 => Self::Duplicate,
            260..290 => Self::AnswerBefore(one_of(&[429, 500, 502, 503, 504], &mut dice)),
            290..320 => Self::AnswerAfter(one_of(&[500, 502, 503, 504], &mut dice)),
            320..322 => Self::Hang,
            _ => Self::None,
        }
    }
}
