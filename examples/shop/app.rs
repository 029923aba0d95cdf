//! The back office: an application on axum, whose state lives behind an API.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use ifmatch::format::{Blob, Bytes as Images, Text};
use ifmatch::{BoxError, Client, Collection, Error, ErrorKind, Merge, RemoteWins, Reply};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) price: u32,
    #[merge(counter)]
    pub(crate) stock: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, Merge)]
pub(crate) struct Order {
    pub(crate) product: String,
    pub(crate) paid: bool,
    pub(crate) shipment: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Shipment {
    pub(crate) number: String,
}

/// The resources of the shop.
#[derive(Clone)]
pub(crate) struct Shop {
    client: Client,
    products: Collection<Product>,
    orders: Collection<Order>,
    pages: Collection<String>,
    photos: Collection<Blob>,
}

impl Shop {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            products: client.collection("products"),
            orders: client.collection("orders"),
            // Markdown, merged by lines.
            pages: client
                .collection("pages")
                .format(Text::new("text/markdown")),
            // If two uploads race, the photo that is stored first is kept.
            photos: client
                .collection_with("photos", RemoteWins)
                .format(Images::only("image/*")),
            client,
        }
    }

    pub(crate) fn routes(self, metrics: PrometheusHandle) -> Router {
        Router::new()
            .route("/products/{id}", put(add_product))
            .route("/products/{id}/buy", post(buy))
            .route("/products/{id}/restock", post(restock))
            .route("/orders/{id}/pay", post(pay))
            .route("/orders/{id}/ship", post(ship))
            .route("/pages/{id}", put(edit_page))
            .route("/photos/{id}", put(upload_photo))
            .route("/report", get(report))
            .with_state(self)
            .route("/metrics", get(move || async move { metrics.render() }))
    }
}

async fn add_product(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    Json(product): Json<Product>,
) -> Result<StatusCode, Failure> {
    shop.products.create(id, &product).await?;
    Ok(StatusCode::CREATED)
}

/// Takes one from the stock, whatever happens at the same time, and places an order.
async fn buy(State(shop): State<Shop>, Path(id): Path<String>) -> Result<Json<String>, Failure> {
    shop.products
        .try_update(&id, |product| {
            product.stock = product.stock.checked_sub(1).ok_or("sold out")?;
            Ok(())
        })
        .await?;
    let order = Order {
        product: id,
        ..Order::default()
    };
    // The API knows idempotency keys, so a lost response never leads to two orders.
    let made = shop.orders.post(&order).idempotent().await?;
    Ok(Json(made.snapshot().id().unwrap_or_default().to_owned()))
}

#[derive(Deserialize)]
pub(crate) struct Restock {
    by: u32,
    price: u32,
}

async fn restock(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    Query(restock): Query<Restock>,
) -> Result<Json<u32>, Failure> {
    let saved = shop.products.update(id, move |product| {
        product.stock += restock.by;
        product.price = restock.price;
    });
    Ok(Json(saved.await?.stock))
}

async fn pay(State(shop): State<Shop>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    shop.orders.update(id, |order| order.paid = true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ships an order once: only if it is paid, and never again after a lost response.
async fn ship(State(shop): State<Shop>, Path(id): Path<String>) -> Result<String, Failure> {
    let is_ready = |order: &Order| -> Result<(), BoxError> {
        match order {
            Order { paid: false, .. } => Err("it is not paid".into()),
            Order {
                shipment: Some(_), ..
            } => Err("it is shipped".into()),
            _ => Ok(()),
        }
    };
    let order = shop.orders.item(id);
    let action = order.action("ship").guard(is_ready);
    let shipped: Reply<Shipment> = action
        .done_when(|order| order.shipment.is_some())
        .send_empty()
        .await?;
    Ok(match shipped.value() {
        Some(shipment) => shipment.number.clone(),
        // The response was lost, and the order shows that it was shipped.
        None => order.get().await?.shipment.clone().unwrap_or_default(),
    })
}

#[derive(Deserialize)]
pub(crate) struct Line {
    old: String,
    new: String,
}

/// Replaces one line of a page, which is created if it does not exist.
async fn edit_page(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    Json(line): Json<Line>,
) -> Result<String, Failure> {
    let first = format!("{}\n", line.new);
    let edit = shop
        .pages
        .update(id, move |page| *page = page.replace(&line.old, &line.new));
    Ok(edit.if_absent(first).await?.into_versioned().into_inner())
}

/// Stores a photo, unless another one was stored in the meantime.
async fn upload_photo(
    State(shop): State<Shop>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<usize>, Failure> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let photo = Blob::new(media_type.unwrap_or("image/png"), body);
    let stored = match shop.photos.get_opt(&id).await? {
        None => shop.photos.create(&id, &photo).await?,
        Some(mut stored) => {
            *stored = photo;
            shop.photos.save(&stored).await?
        }
    };
    Ok(Json(stored.bytes().len()))
}

/// Passes on a report that is neither a document nor JSON.
async fn report(State(shop): State<Shop>) -> Result<String, Failure> {
    let report = shop.client.request(Method::GET, "report").retry().await?;
    Ok(report.error_for_status()?.text()?.to_owned())
}

/// An error of the client, as this application answers it.
pub(crate) struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::NotFound | ErrorKind::Gone => StatusCode::NOT_FOUND,
            // The guard or the edit says no, or a person has to decide.
            ErrorKind::Edit
            | ErrorKind::Conflict
            | ErrorKind::AlreadyExists
            | ErrorKind::Refused => StatusCode::CONFLICT,
            ErrorKind::OutcomeUnknown | ErrorKind::Exhausted | ErrorKind::Transport => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_GATEWAY,
        };
        let reason = std::error::Error::source(&self.0).map(ToString::to_string);
        (status, reason.unwrap_or_else(|| self.0.to_string())).into_response()
    }
}
