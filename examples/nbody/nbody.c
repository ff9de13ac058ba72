// Gravitation of a few bodies: double arithmetic in a tight loop.
//
//   nbody [steps]
//
// A heavy star at rest and four planets on nearly circular orbits, in units where the gravitational constant is 1.
// Velocity Verlet keeps the total energy nearly constant, so the two energies printed should agree in most digits.
// Only + - * / and sqrt are used, which IEEE 754 rounds exactly: every correct machine prints the same text.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODIES = 5 };

typedef struct {
    double x, y, z;
} vec;

typedef struct {
    vec place, speed, pull;
    double mass;
} body;

// Distance from the star, mass, and how far the orbit leans out of the plane.
static const double planets[BODIES - 1][3] = {
    {1.0, 3.0e-6, 0.02},
    {1.6, 4.0e-7, 0.05},
    {5.2, 9.5e-4, 0.01},
    {9.5, 2.9e-4, 0.03},
};

static body bodies[BODIES];

static void place_bodies(void) {
    bodies[0].mass = 1.0;
    for (int i = 1; i < BODIES; i++) {
        double distance = planets[i - 1][0];
        double speed = sqrt(1.0 / distance);
        double side = i % 2 ? 1.0 : -1.0;
        bodies[i].mass = planets[i - 1][1];
        bodies[i].place = (vec){side * distance, 0.0, 0.0};
        bodies[i].speed = (vec){0.0, side * speed, planets[i - 1][2] * speed};
    }
    // The star takes the opposite momentum, so that the whole stays where it is.
    for (int i = 1; i < BODIES; i++) {
        bodies[0].speed.x -= bodies[i].mass * bodies[i].speed.x;
        bodies[0].speed.y -= bodies[i].mass * bodies[i].speed.y;
        bodies[0].speed.z -= bodies[i].mass * bodies[i].speed.z;
    }
}

static void compute_pulls(void) {
    for (int i = 0; i < BODIES; i++) {
        bodies[i].pull = (vec){0.0, 0.0, 0.0};
    }
    for (int i = 0; i < BODIES; i++) {
        for (int j = i + 1; j < BODIES; j++) {
            body *a = &bodies[i], *b = &bodies[j];
            double dx = b->place.x - a->place.x;
            double dy = b->place.y - a->place.y;
            double dz = b->place.z - a->place.z;
            double square = dx * dx + dy * dy + dz * dz;
            double scale = 1.0 / (square * sqrt(square));
            a->pull.x += dx * scale * b->mass;
            a->pull.y += dy * scale * b->mass;
            a->pull.z += dz * scale * b->mass;
            b->pull.x -= dx * scale * a->mass;
            b->pull.y -= dy * scale * a->mass;
            b->pull.z -= dz * scale * a->mass;
        }
    }
}

static void kick(double time) {
    for (int i = 0; i < BODIES; i++) {
        bodies[i].speed.x += time * bodies[i].pull.x;
        bodies[i].speed.y += time * bodies[i].pull.y;
        bodies[i].speed.z += time * bodies[i].pull.z;
    }
}

static void drift(double time) {
    for (int i = 0; i < BODIES; i++) {
        bodies[i].place.x += time * bodies[i].speed.x;
        bodies[i].place.y += time * bodies[i].speed.y;
        bodies[i].place.z += time * bodies[i].speed.z;
    }
}

static double energy(void) {
    double sum = 0.0;
    for (int i = 0; i < BODIES; i++) {
        const vec *s = &bodies[i].speed;
        sum += 0.5 * bodies[i].mass * (s->x * s->x + s->y * s->y + s->z * s->z);
        for (int j = i + 1; j < BODIES; j++) {
            double dx = bodies[j].place.x - bodies[i].place.x;
            double dy = bodies[j].place.y - bodies[i].place.y;
            double dz = bodies[j].place.z - bodies[i].place.z;
            sum -= bodies[i].mass * bodies[j].mass / sqrt(dx * dx + dy * dy + dz * dz);
        }
    }
    return sum;
}

int main(int argc, char **argv) {
    long steps = argc > 1 ? atol(argv[1]) : 1000;
    const double step = 0.01;

    place_bodies();
    compute_pulls();
    printf("energy before  %.15e\n", energy());
    for (long i = 0; i < steps; i++) {
        kick(step / 2);
        drift(step);
        compute_pulls();
        kick(step / 2);
    }
    printf("energy after   %.15e\n", energy());
    for (int i = 0; i < BODIES; i++) {
        printf("body %d  %+.12f %+.12f %+.12f\n", i, bodies[i].place.x, bodies[i].place.y, bodies[i].place.z);
    }
    return 0;
}
